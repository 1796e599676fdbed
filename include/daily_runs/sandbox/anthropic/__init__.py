"""The sandbox's Anthropic: the Messages and Batches interfaces, account limits, and a judge that answers."""
