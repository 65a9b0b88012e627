"""Receiver of Damstra's webhooks in Airflow's API server."""
