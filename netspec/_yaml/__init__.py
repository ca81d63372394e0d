"""How `netspec.source` reads YAML; nothing else imports from here."""
