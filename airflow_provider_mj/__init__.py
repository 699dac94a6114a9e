"""Apache Airflow provider for Midjourney-proxy gateways."""

__version__ = "0.1.0"
