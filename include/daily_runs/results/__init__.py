"""What readers get: published rows, scores with error bars, comparison of arms."""
