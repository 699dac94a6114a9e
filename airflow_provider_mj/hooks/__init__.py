"""Airflow connection to gateway client."""
