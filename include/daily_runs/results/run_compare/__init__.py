"""Two published runs side by side, for people: what differs, by how much, and in which items."""
