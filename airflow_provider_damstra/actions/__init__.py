"""What takes more than one call, written so that doing it again does nothing twice. Free of Airflow."""
