"""What a gateway can do, found out without paying: ``python -m airflow_provider_mj.check CONN_ID``."""
