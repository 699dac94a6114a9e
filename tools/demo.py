"""The demo: a gateway that costs nothing, a real Airflow, one image task from prompt to pictures."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from PIL import Image

from airflow_provider_mj.sandbox import SandboxServer
from tools.airflow_instance import AirflowFailedError, AirflowInstance
from tools.example import CLONE, DAG_ID, DAGS_FOLDER, GALLERY, RUN_SECONDS, TASKS, settings

if TYPE_CHECKING:
    from tools.airflow_api import AirflowApi, TaskInstance

FOLDER = CLONE / ".demo"
KEY = "demo-key-0000"
TASK_SECONDS = 8
QUARTERS = 4
LOG_LINES, LOG_WIDTH = 15, 300


class DemoFailedError(RuntimeError):
    """The demo did not show what it should; the message says what is missing."""


class Narrator:
    """Tells what happens, with the seconds since the start of the demo.

    :param api: the Airflow that is asked for its worker slots.
    """

    def __init__(self, api: AirflowApi) -> None:
        self._api = api
        self._told: dict[str, str | None] = dict.fromkeys(TASKS)

    def watch(self, tasks: dict[str, TaskInstance]) -> None:
        """Tell which tasks have changed their state since the last call."""
        for name in TASKS:
            state = tasks[name].state
            if state != self._told[name]:
                self._told[name] = state
                say(f"  task {name:<8} {state}{self._remark(state)}")

    def _remark(self, state: str | None) -> str:
        if state != "up_for_reschedule":
            return ""
        slots = self._api.occupied_slots()
        return f": not ready, so the sensor has left its worker (worker slots in use: {slots})"


STARTED = time.monotonic()


def say(text: str) -> None:
    """Print a line with the time since the start."""
    print(f"{time.monotonic() - STARTED:5.1f} s  {text}", flush=True)


def log_tails(airflow: AirflowInstance, run_id: str) -> str:
    """Return the ends of the logs of the tasks that failed."""
    failed = [t for t in airflow.api.task_instances(DAG_ID, run_id).values() if t.state == "failed"]
    lines = []
    for task in failed:
        log = airflow.task_log(DAG_ID, run_id, task.task_id).splitlines()[-LOG_LINES:]
        lines += [f"--- end of the log of task {task.task_id}", *(line[:LOG_WIDTH] for line in log)]
    return "\n".join(lines)


def run_pipeline(airflow: AirflowInstance) -> str:
    """Run the example DAG, tell its steps, and return the id of the run.

    :raises DemoFailedError: when the run fails.
    """
    airflow.wait_for_dag(DAG_ID)
    run_id = airflow.api.trigger(DAG_ID)
    say(f"Airflow runs the DAG {DAG_ID} (run {run_id})")
    state = airflow.api.wait_for_run(DAG_ID, run_id, RUN_SECONDS, Narrator(airflow.api).watch)
    if state != "success":
        raise DemoFailedError(f"the DAG run ended as {state}\n{log_tails(airflow, run_id)}")
    return run_id


def wait_for_gallery(airflow: AirflowInstance) -> list[dict[str, str]]:
    """Wait for the DAG that is scheduled on the asset, and return what it has heard.

    :raises DemoFailedError: when its run fails.
    """
    run_id = airflow.wait_for_a_run(GALLERY)
    state = airflow.api.wait_for_run(GALLERY, run_id, RUN_SECONDS)
    if state != "success":
        raise DemoFailedError(f"the DAG {GALLERY} ended as {state}")
    heard: list[dict[str, str]] = airflow.api.xcom(GALLERY, run_id, "show")
    say(f"the DAG {GALLERY}, scheduled on the asset mj_pictures, has heard of {len(heard)} pictures")
    return heard


def check_picture(path: Path) -> None:
    """Open a picture that the DAG saved, and its history.

    :raises OSError: when one is not there, or is not a picture.
    """
    Path(f"{path}.json").read_bytes()
    with Image.open(path) as picture:
        picture.load()
        print(f"  {path}: {picture.format}, {picture.width} x {picture.height}")


def show(api: AirflowApi, run_id: str) -> None:
    """Print what the DAG has put into XCom and on disk."""
    image_url: str = api.xcom(DAG_ID, run_id, "result", "imageUrl")
    buttons: list[dict[str, Any]] = api.xcom(DAG_ID, run_id, "result", "buttons")
    labels = ", ".join(button["label"] or button["emoji"] for button in buttons)
    print(f"\nimageUrl: {image_url}\nbuttons:  {labels}\nfiles:")
    files: list[str] = api.xcom(DAG_ID, run_id, "pick")["files"]
    for file in files:
        check_picture(Path(file.removeprefix("file://")))
    if len(files) != QUARTERS:
        raise DemoFailedError(f"a grid is four pictures; saved were {len(files)}")
    print("  beside each, its history as .json\n", flush=True)


def demonstrate() -> None:
    """Run the whole demo in a new folder."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    with SandboxServer(dialect="crazyrouter", key=KEY, task_seconds=TASK_SECONDS, loop_seconds=1) as sandbox:
        say(f"a sandbox gateway listens on {sandbox.url}; its pictures are drawings and cost nothing")
        say(f"Airflow {version('apache-airflow')} starts in {FOLDER / 'airflow'} (this takes about 15 s)")
        environment = settings(sandbox.url, KEY, FOLDER / "pictures")
        with AirflowInstance(FOLDER / "airflow", DAGS_FOLDER, environment) as airflow:
            run_id = run_pipeline(airflow)
            wait_for_gallery(airflow)
            show(airflow.api, run_id)
    say("Airflow and the gateway have ended; logs and database are kept until the next demo")


def main() -> int:
    """Run the demo and return its exit status: 0 when everything was shown."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        demonstrate()
    except KeyboardInterrupt:
        print("\nThe demo was stopped.", file=sys.stderr)
        return 130
    except (DemoFailedError, AirflowFailedError, TimeoutError, OSError, requests.RequestException) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
