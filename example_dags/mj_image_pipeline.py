"""One image, from prompt to file: submit, wait without a worker, publish, use.

It needs an Airflow connection ``mj_default`` of type ``mj``. To try it without paying, let the connection
point to the sandbox: ``python -m airflow_provider_mj.sandbox`` prints the one to use.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import Param, dag, task

from airflow_provider_mj.operators.mj import MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor


@dag(
    schedule=None,
    params={"prompt": Param("a lighthouse in the fog, oil on canvas --ar 1:1", type="string")},
    tags=["midjourney"],
)
def mj_image_pipeline() -> None:
    # This is the call that costs money. Without retries it is made once: if it fails, its message says
    # whether anything was paid, and a person decides.
    @task(retries=0)
    def submit(params: dict[str, Any]) -> str:
        from airflow_provider_mj.hooks.mj import MJHook

        return MJHook().submit("imagine", {"prompt": params["prompt"]}).mj_task_id

    mj_task_id = submit()

    # Looks every 20 seconds and gives its worker back in between.
    wait = MJTaskSensor(task_id="wait", mj_task_id=mj_task_id, timeout=timedelta(hours=1))

    result = MJTaskResultOperator(task_id="result", mj_task_id=mj_task_id)

    # The links of pictures live for a day: keep what you want to keep.
    @task
    def pick(image_url: str, buttons: list[dict[str, Any]]) -> dict[str, Any]:
        import requests

        folder = Path(os.environ.get("MJ_EXAMPLE_FOLDER", "mj_images"))
        folder.mkdir(parents=True, exist_ok=True)
        answer = requests.get(image_url, timeout=60)
        answer.raise_for_status()
        picture = folder / "grid.png"
        picture.write_bytes(answer.content)
        print(f"saved {picture.resolve()}; it has the buttons {[button['label'] for button in buttons]}")

        # Pressing it is a new submission: MJHook().submit("action", {"taskId": ..., "customId": ...}).
        upscale = next((button for button in buttons if "::upsample::2" in button["customId"]), None)
        return {"picture": str(picture.resolve()), "button": upscale}

    wait >> result
    pick(result.output["imageUrl"], result.output["buttons"])


mj_image_pipeline()
