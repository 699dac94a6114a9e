"""Scripts for developers, not part of the package: a real Airflow, the demo, the test matrix."""
