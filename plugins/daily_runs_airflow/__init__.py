"""Airflow in, Airflow out: what the DAGs are made of. Rules of the domain live in `daily_runs`."""
