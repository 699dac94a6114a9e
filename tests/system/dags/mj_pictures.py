"""Every way in which a picture comes into a task; only where there are pictures."""

from __future__ import annotations

import os
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_mj.operators.mj import (
    MJActionOperator,
    MJBlendOperator,
    MJDescribeOperator,
    MJImagineOperator,
    MJSwapFaceOperator,
)

FOLDER = os.environ.get("MJ_SYSTEM_PICTURES", "")


@dag(schedule=None)
def mj_pictures() -> None:
    stone, moss = Path(FOLDER, "stone.png"), Path(FOLDER, "moss.png")
    uri = f"data:image/png;base64,{b64encode(moss.read_bytes()).decode()}"
    # Airflow may take a task that comes back quickly for one that has died: a retry takes its job up.
    waits: dict[str, Any] = {"deferrable": True, "retries": 2, "retry_delay": timedelta(seconds=1)}

    MJBlendOperator(task_id="blend", images=[str(stone), moss.read_bytes()], **waits)
    MJSwapFaceOperator(task_id="swap", source=stone, target=uri, **waits)

    grid = MJImagineOperator(task_id="grid", prompt="a stone with moss", images=[str(stone), uri], **waits)
    one = MJActionOperator(task_id="one", task=grid.output, button="U1", **waits)
    MJActionOperator(
        task_id="region",
        task=one.output,
        button="Vary (Region)",
        modal={"prompt": "more moss", "mask": str(moss)},
        **waits,
    )
    MJDescribeOperator(task_id="describe", image=grid.output["imageUrl"], **waits)

    @task.mj_imagine(**waits)
    def written() -> dict[str, Any]:
        return {"prompt": "the stone once more", "images": [stone.read_bytes()]}

    # Two that fail, for what their tracebacks show.
    @task.mj_imagine
    def broken() -> dict[str, Any]:
        return {"prompt": "a broken stone", "images": [f"{uri}!"]}

    MJImagineOperator(task_id="refused", prompt="a stone [[system error]]", images=[uri])

    written()
    broken()


if FOLDER:
    mj_pictures()
