"""GitLab's own API as this project uses it: the client, how each feature is called, and which hop refused."""
