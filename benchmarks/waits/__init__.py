"""Thousands of waiting triggers in one event loop, compared with Airflow's HttpSensorTrigger."""
