"""What happens after a failed call: the one retry layer, and the breaker that leaves a failing provider alone."""
