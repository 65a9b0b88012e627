"""What leaves Damstra Learning as files and tables. Free of Airflow."""
