"""What is generated from the classes: the JSON Schema and the pages of layers and sections."""
