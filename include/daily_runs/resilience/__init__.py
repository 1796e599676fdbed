"""What happens after a failed call: the one retry layer."""
