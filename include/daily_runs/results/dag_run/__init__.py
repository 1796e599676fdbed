"""What one DAG run left: its attempts, every item of one of them, and the limits that it met. Beside a run's report."""
