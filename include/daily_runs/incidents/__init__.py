"""What a failed task tells the person who is on call."""
