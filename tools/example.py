"""The example DAGs and the settings it needs, for the demo and the system tests."""

from __future__ import annotations

import json
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
DAGS_FOLDER = CLONE / "example_dags"
DAG_ID = "mj_image_pipeline"
TASKS = ("submit", "wait", "result", "save", "pick")
# Is scheduled on the asset that the other one tells of its pictures.
GALLERY = "mj_gallery"
RUN_SECONDS = 150


def connection(url: str, key: str, **extra: object) -> str:
    """Return an Airflow connection to a gateway, as the JSON that ``AIRFLOW_CONN_...`` takes."""
    return json.dumps({"conn_type": "mj", "host": url, "password": key, "extra": extra})


def settings(url: str, key: str, pictures: Path) -> dict[str, str]:
    """Return the environment for the example DAGs.

    :param url: URL of the gateway.
    :param key: the key for it.
    :param pictures: folder where the DAG saves the pictures.
    """
    return {"AIRFLOW_CONN_MJ_DEFAULT": connection(url, key), "MJ_EXAMPLE_FOLDER": str(pictures)}
