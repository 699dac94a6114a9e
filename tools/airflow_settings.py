"""How Airflow 2 and 3 are set up for a short life on one machine: pure data, nothing is started here."""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tools.airflow_api import DIALECT_2, DIALECT_3, Dialect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

USER, PASSWORD = "admin", "admin"


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without settings of another Airflow, where this Python's ``airflow`` is first."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AIRFLOW")}
    scripts = str(Path(sys.executable).parent)
    local = ",".join(filter(None, [kept.get("NO_PROXY"), "127.0.0.1"]))
    path = os.pathsep.join([scripts, kept.get("PATH", os.defpath)])
    return kept | {"PATH": path, "NO_PROXY": local, "no_proxy": local, "PYTHONUNBUFFERED": "1"}


def common_settings(home: Path, dags_folder: Path) -> dict[str, str]:
    """Return the settings that all versions understand."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def airflow_2_settings(port: int) -> dict[str, str]:
    """Return the settings of an Airflow 2: SQLite allows it one task at a time."""
    return {
        "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
        "AIRFLOW__API__AUTH_BACKENDS": "airflow.providers.fab.auth_manager.api.auth.backend.basic_auth",
        "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
        "AIRFLOW__WEBSERVER__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__WEBSERVER__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
        "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(port),
        "AIRFLOW__WEBSERVER__WORKERS": "1",
    }


def airflow_3_settings(port: int) -> dict[str, str]:
    """Return the settings of an Airflow 3: everybody who reaches the port on this machine is admin."""
    return {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API__WORKERS": "1",
        # Without one, Airflow 3.0 writes an empty list into its tokens, which PyJWT refuses.
        "AIRFLOW__API_AUTH__JWT_ISSUER": "airflow",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    }


@dataclass(frozen=True)
class Setup:
    """What a major version of Airflow is made of.

    :param settings: returns the version's own settings, given the port of its API.
    :param prepare: ``airflow`` commands that run before anything is started.
    :param components: ``airflow`` commands that keep running.
    :param healthy: the names under which the health report has to say "healthy".
    :param dialect: how its API is called.
    :param basic_auth: user and password for the API, if it asks for them.
    """

    settings: Callable[[int], dict[str, str]]
    prepare: tuple[tuple[str, ...], ...]
    components: tuple[tuple[str, ...], ...]
    healthy: frozenset[str]
    dialect: Dialect
    basic_auth: tuple[str, str] | None


AIRFLOW_2 = Setup(
    settings=airflow_2_settings,
    prepare=(
        ("db", "migrate"),
        (
            *("users", "create", "--username", USER, "--password", PASSWORD, "--role", "Admin"),
            *("--firstname", "Ada", "--lastname", "Lovelace", "--email", "ada@example.com"),
        ),
    ),
    components=(("scheduler", "--skip-serve-logs"), ("webserver",)),
    healthy=frozenset({"metadatabase", "scheduler"}),
    dialect=DIALECT_2,
    basic_auth=(USER, PASSWORD),
)
AIRFLOW_3 = Setup(
    settings=airflow_3_settings,
    prepare=(("db", "migrate"),),
    components=(("scheduler", "--skip-serve-logs"), ("api-server",), ("dag-processor",)),
    healthy=frozenset({"metadatabase", "scheduler", "dag_processor"}),
    dialect=DIALECT_3,
    basic_auth=None,
)


def installed_setup() -> Setup:
    """Return the setup of the installed Airflow."""
    return AIRFLOW_2 if version("apache-airflow").startswith("2.") else AIRFLOW_3
