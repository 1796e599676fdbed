"""What the REST API answers with, where it is more than a few fields: traces of jobs, files of merge requests."""
