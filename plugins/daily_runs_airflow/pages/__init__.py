"""The pages in Airflow's UI, as Airflow serves them: routes, rights, headers. What they show is made by the library."""
