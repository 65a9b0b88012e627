"""The processes of a distributed Airflow on this machine."""
