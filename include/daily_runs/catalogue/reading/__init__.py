"""From YAML files to a checked catalogue: every fault with file, line and remedy."""
