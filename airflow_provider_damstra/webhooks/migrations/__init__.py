"""Migrations of the provider's own table in Airflow's metadata database."""
