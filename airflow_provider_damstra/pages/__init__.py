"""Pages about Damstra Learning in Airflow's UI."""
