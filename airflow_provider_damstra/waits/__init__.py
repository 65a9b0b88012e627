"""What it means to wait for something: the same decisions for worker and triggerer. Free of Airflow."""
