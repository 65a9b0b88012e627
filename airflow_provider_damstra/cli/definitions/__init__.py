"""Definitions of the commands: names, options and examples. Every ``airflow`` command imports them."""
