"""A real HAProxy, nginx and PgBouncer on the path, and what is made of what they do."""
