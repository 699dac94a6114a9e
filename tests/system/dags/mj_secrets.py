"""Every way to meet a gateway's words in a task; only where there is a gateway that sends back its key."""

from __future__ import annotations

import json
import logging
import os
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_mj.operators.mj import (
    MJActionOperator,
    MJDescribeOperator,
    MJImagineOperator,
    MJSaveImagesOperator,
    MJTaskResultOperator,
    MJUploadImagesOperator,
)
from airflow_provider_mj.sensors.mj import MJTaskSensor

PLAN: dict[str, Any] = json.loads(os.environ.get("MJ_SYSTEM_SECRETS", "{}"))
RAW = "mj_raw"


@dag(schedule=None, default_args={"retries": 0})
def mj_secrets() -> None:
    quick: dict[str, Any] = {"poll_interval": 0.3, "timeout": 1.5}
    # Airflow may take a task that comes back quickly for one that has died: a retry goes on with it.
    waits: dict[str, Any] = {
        "deferrable": True,
        "poll_interval": 1,
        "retries": 2,
        "retry_delay": timedelta(seconds=1),
    }
    folder, link = PLAN["folder"], PLAN["link"]

    # One process for each kind of answer, and its task fails of it.
    MJImagineOperator.partial(task_id="refused", queue_timeout=0.5, **quick).expand(prompt=PLAN["submits"])
    MJTaskResultOperator.partial(task_id="read", **quick).expand(mj_task_id=PLAN["reads"])
    MJSaveImagesOperator.partial(task_id="dead", destination=folder, timeout=5).expand(task=PLAN["deaths"])

    # What goes well.
    grid = MJImagineOperator(task_id="grid", prompt="a fox", mj_conn_id=RAW, **quick)
    MJImagineOperator(task_id="drawn_later", prompt="slow", **waits)
    large = MJActionOperator(task_id="large", task=grid.output, button="U1", **quick)
    MJSaveImagesOperator(task_id="saved", task=grid.output, destination=folder)
    MJTaskSensor(task_id="sensed", mj_task_ids=["good", "slow~1"], mode="poke", poke_interval=0.3)
    MJTaskSensor(
        task_id="sensed_later",
        mj_task_id="slow~2",
        mj_conn_id=RAW,
        **{name: value for name, value in waits.items() if name != "poll_interval"},
        poke_interval=1,
    )
    MJTaskResultOperator(task_id="published_later", mj_task_id="slow~3", **waits)
    MJUploadImagesOperator(task_id="uploaded", images=[PLAN["picture"]])

    @task.mj_imagine(**quick)
    def written() -> dict[str, Any]:
        return {"prompt": "a fox once more", "images": [PLAN["picture"]]}

    # What does not.
    MJActionOperator(task_id="no_button", task=grid.output, button="Nonsense")
    MJActionOperator(task_id="not_pressed", task=grid.output, button="U2", mj_conn_id="mj_refusing")
    MJDescribeOperator.partial(task_id="dead_inputs").expand(image=[link])
    MJTaskSensor(
        task_id="some", mj_task_ids=["good", "failure~3", "cancel~6"], mode="poke", poke_interval=0.3
    )

    @task.mj_imagine
    def badly_written() -> dict[str, Any]:
        return {"prompt": "a fox", "images": [link]}

    @task
    def all_at_once() -> dict[str, str]:
        """Meet every answer in every spelling, in one process; each error is logged with its traceback."""
        from airflow_provider_mj.hooks.mj import MJHook

        met, log = {}, logging.getLogger("airflow.task")
        for mj_conn_id in ("mj_default", RAW):
            hook = MJHook(mj_conn_id)
            log.info("the test of the connection: %s", hook.test_connection())
            submits = PLAN["all_submits"][mj_conn_id]
            calls = [
                *((f"submit {kind}", hook.submit, ("imagine", {"prompt": kind})) for kind in submits),
                *((f"read {kind}", hook.get_task, (kind,)) for kind in PLAN["all_reads"][mj_conn_id]),
                *((call.__name__, call, ("good",)) for call in (hook.cancel, hook.image_seed)),
                ("list", hook.list_newest, ()),
            ]
            for name, call, arguments in calls:
                try:
                    call(*arguments)
                except Exception as error:
                    met[f"{mj_conn_id} {name}"] = type(error).__name__
                    log.exception("%s", name)
        return met

    badly_written()
    all_at_once()
    if PLAN["is_quick"]:
        # Much as others, and each takes a process.
        written()
        MJSaveImagesOperator(task_id="saved_large", task=large.output, destination=folder, mj_conn_id=RAW)
        MJUploadImagesOperator(task_id="not_uploaded", images=[PLAN["picture"]], mj_conn_id="mj_refusing")
        MJImagineOperator(task_id="window", prompt="window", **quick)
        MJImagineOperator(task_id="dead_input", prompt="a fox", images=[link])


if PLAN:
    mj_secrets()
