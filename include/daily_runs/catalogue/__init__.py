"""What the YAML says, a module for each file, and what follows from its figures alone."""
