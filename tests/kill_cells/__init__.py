"""What may die or go away while runs work, one cell at a time, on a real Airflow: `make kill-cells`."""
