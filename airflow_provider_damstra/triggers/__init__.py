"""The triggers that Airflow stores and runs in the triggerer. They only read from Damstra Learning."""
