from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_mj import __version__

if TYPE_CHECKING:
    from tools.airflow_instance import AirflowInstance


def test_airflow_knows_the_provider(airflow: AirflowInstance) -> None:
    shown = airflow.cli("providers", "get", "airflow-provider-mj")
    assert shown.returncode == 0, shown.stderr
    row = next(line for line in shown.stdout.splitlines() if line.startswith("airflow-provider-mj"))
    assert row.split("|")[1].strip() == __version__


def test_the_connection_test_says_yes(airflow: AirflowInstance) -> None:
    tested = airflow.cli("connections", "test", "mj_default")
    assert tested.returncode == 0, tested.stderr
    assert "Connection success!" in tested.stdout


def test_the_connection_test_says_that_the_key_is_wrong(airflow: AirflowInstance) -> None:
    tested = airflow.cli("connections", "test", "mj_wrong_key")
    assert "Connection failed!" in tested.stdout, tested.stderr
    assert "key" in tested.stdout.partition("Connection failed!")[2]
    assert "not-the-key-9999" not in tested.stdout + tested.stderr
