"""The wire: HTTP, the gateways' dialects, and what their answers mean. Knows nothing of Airflow."""
