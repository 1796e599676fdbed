"""Whether staging is ready: one check for all features, its rows, waiting for it, and the status board."""
