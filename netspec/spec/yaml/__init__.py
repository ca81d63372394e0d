"""How `netspec.spec.source` reads YAML; nothing else imports from here."""
