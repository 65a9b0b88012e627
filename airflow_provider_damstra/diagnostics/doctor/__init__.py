"""Checks of a connection, its account, and the Airflow installation that uses them."""
