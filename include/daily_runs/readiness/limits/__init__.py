"""What the path to GitLab allows a run: measured by free requests, compared with what the run needs."""
