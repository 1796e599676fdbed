"""Everything on one machine: Postgres, Airflow and the sandbox, and the demo that runs on them."""
