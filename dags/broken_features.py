"""No DAG, but the import error of the features that are left out: one error, with every fault, its file and its line.

`daily_runs.py` makes the DAGs of all other features. Airflow reads only files that hold the words "airflow" and "dag",
and these stand here.
"""

from __future__ import annotations

from daily_runs import feature_files

feature_files.must_leave_out_none()
