"""A faithful local stand-in for the whole path (docs/domain.md §2): GitLab staging, GitLab production and Anthropic."""
