"""Rows as a table of a database, through SQLAlchemy, which comes with Airflow. Free of Airflow itself."""
