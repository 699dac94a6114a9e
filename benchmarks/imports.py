"""What importing costs: ``python -m benchmarks.imports``.

Each module is imported in a fresh process in which what any DAG file takes from ``airflow.sdk`` is there
already: by itself that package loads next to nothing before it is asked for a name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.results import FOLDER, conditions, conditions_line, markdown_table, write, write_json

OURS = (
    "airflow_provider_mj.operators.mj",
    "airflow_provider_mj.sensors.mj",
    "airflow_provider_mj.triggers.mj",
)
OTHERS = (
    "airflow.providers.http.operators.http",
    "airflow.providers.http.sensors.http",
    "airflow.providers.http.triggers.http",
    "airflow.providers.dbt.cloud.operators.dbt",
    "airflow.providers.dbt.cloud.sensors.dbt",
    "airflow.providers.dbt.cloud.triggers.dbt",
)
HTTP_LIBRARIES = ("requests", "urllib3", "aiohttp", "httpx", "httpcore")
REPEATS = 3
_LIMIT_MS = 25.0
_SCRIPT = """
import importlib, json, sys, time
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task
before, start = set(sys.modules), time.perf_counter()
importlib.import_module(sys.argv[1])
milliseconds = (time.perf_counter() - start) * 1000
print(json.dumps([milliseconds, sorted(set(sys.modules) - before)]))
"""


@dataclass(frozen=True, kw_only=True)
class ImportCost:
    """What a module adds over ``airflow.sdk``.

    :param milliseconds: median of several fresh processes.
    :param modules: how many modules it loads, itself included.
    :param http_libraries: which HTTP libraries are among them.
    """

    module: str
    milliseconds: float
    modules: int
    http_libraries: tuple[str, ...]

    @property
    def is_light(self) -> bool:
        """Whether it keeps to the marks of this provider."""
        return self.milliseconds < _LIMIT_MS and not self.http_libraries


def import_once(module: str, environ: dict[str, str]) -> tuple[float, list[str]]:
    """Import a module in a fresh process, and give the milliseconds and the modules that this loaded."""
    command = [sys.executable, "-c", _SCRIPT, module]
    shown = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    milliseconds, modules = json.loads(shown.stdout.splitlines()[-1])
    return milliseconds, modules


def measure() -> list[ImportCost]:
    """Import every module in turn, several times around; the first fills the caches and does not count."""
    times: dict[str, list[float]] = {module: [] for module in (*OURS, *OTHERS)}
    loaded: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as home:
        environ = os.environ | {"AIRFLOW_HOME": home}
        for _ in range(REPEATS + 1):
            for module, taken in times.items():
                milliseconds, loaded[module] = import_once(module, environ)
                taken.append(milliseconds)
    return [
        ImportCost(
            module=module,
            milliseconds=round(median(taken[1:]), 1),
            modules=len(loaded[module]),
            http_libraries=tuple(name for name in HTTP_LIBRARIES if name in loaded[module]),
        )
        for module, taken in times.items()
    ]


def main() -> None:
    """Measure, print and write the results."""
    costs = measure()
    rows = [
        (
            f"`{cost.module}`",
            f"{cost.milliseconds:.1f}",
            f"{cost.modules}",
            ", ".join(cost.http_libraries) or "none",
        )
        for cost in costs
    ]
    table = markdown_table(("module", "ms over airflow.sdk", "modules", "HTTP libraries"), rows)
    verdicts = "".join(
        f"- {cost.module}: under {_LIMIT_MS:.0f} ms and no HTTP library, "
        f"{'reached' if cost.is_light else 'NOT reached'}\n"
        for cost in costs
        if cost.module in OURS
    )
    made = f"Median of {REPEATS} fresh processes each. Made with `make bench-import`. {conditions_line()}"
    write("imports.md", f"{table}\n{verdicts}\n{made}\n")
    write_json("imports.json", {"conditions": conditions(), "costs": [asdict(cost) for cost in costs]})
    print(f"{table}\n{verdicts}\nwritten to {FOLDER}")


if __name__ == "__main__":
    main()
