"""The pages in Airflow's UI, as HTML: functions of models alone. They know no Airflow, no store and no request."""
