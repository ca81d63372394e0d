"""What each command prints, and the pages of help."""
