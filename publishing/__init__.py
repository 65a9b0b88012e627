"""What is published with the package: SBOM of the wheel, and entry in Airflow's registry of providers."""
