"""Loading a resource into a database, compared with Airflow's own hooks."""
