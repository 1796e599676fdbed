"""Airflow's classes in this process, without a scheduler."""

import os
import tempfile

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="daily-runs-airflow-"))  # importing airflow writes there
