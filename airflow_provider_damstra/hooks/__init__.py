"""The Airflow hook, its connection and its metrics."""
