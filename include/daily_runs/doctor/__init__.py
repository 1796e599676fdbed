"""`daily-runs doctor`: looks at everything a run needs; its one paid call is a tiny verdict."""
