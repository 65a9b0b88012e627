"""What transfers need of Airflow beside the reading and the writing."""
