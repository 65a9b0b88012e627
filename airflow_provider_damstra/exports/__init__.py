"""Listings as rows of a file: what there is, how it is read and how it is written. Free of Airflow."""
