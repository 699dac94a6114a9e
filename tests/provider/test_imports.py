"""What a DAG file costs at parse time: looked at in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest

HTTP = ("requests", "urllib3", "httpx", "httpcore", "aiohttp", "http.client", "tenacity")
SCRIPT = """
import sys
import airflow.providers.common.compat.sdk as sdk
sdk.BaseOperator, sdk.BaseSensorOperator, sdk.PokeReturnValue, sdk.AirflowFailException
{before}
before = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - before))
"""


def imported_by(module: str) -> set[str]:
    airflow_3 = "try:\n    import airflow.sdk\nexcept ModuleNotFoundError:\n    pass"
    script = SCRIPT.format(module=module, before=airflow_3)
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(shown.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "module", [f"airflow_provider_mj.{part}.mj" for part in ("operators", "sensors", "triggers")]
)
def test_a_dag_file_loads_no_http_library(module):
    loaded = imported_by(module)
    assert module in loaded
    assert not loaded & set(HTTP)
    assert "airflow_provider_mj.hooks.mj" not in loaded


def test_the_hook_does_load_one():
    assert "airflow_provider_mj.gateway.transport" in imported_by("airflow_provider_mj.hooks.mj")
