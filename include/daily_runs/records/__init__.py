"""What a run is, and the rows that it leaves while it works."""
