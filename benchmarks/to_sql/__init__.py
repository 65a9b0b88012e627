"""Loading a resource into a database, beside the way that Airflow's own hooks offer."""
