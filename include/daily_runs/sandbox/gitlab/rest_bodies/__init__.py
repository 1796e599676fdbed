"""What the REST API answers with, where it is more than a few fields: traces, files of merge requests, refusals."""
