"""Daily Runs: evaluates the AI features of a DevOps platform every day. Never imports airflow."""
