"""Many waits in one triggerer: this provider beside Airflow's HttpSensorTrigger."""
