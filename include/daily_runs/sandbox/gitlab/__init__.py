"""The sandbox's GitLab: its hops, REST and GraphQL interfaces, limits, seeds and answers."""
