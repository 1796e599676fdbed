"""`daily-runs doctor`: looks at everything a run needs, and spends nothing."""
