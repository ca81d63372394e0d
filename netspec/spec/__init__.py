"""From YAML text to the typed Spec: documents, the language, sections, and faults at their place."""
