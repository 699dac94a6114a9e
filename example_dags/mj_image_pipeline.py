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

from airflow_provider_mj.operators.mj import MJImagineOperator, MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor


@dag(
    schedule=None,
    params={"prompt": Param("a lighthouse in the fog, oil on canvas --ar 1:1", type="string")},
    tags=["midjourney"],
)
def mj_image_pipeline() -> None:
    # This is what costs money, and no retry pays twice: from Airflow 3.3 on it takes up the job of the try
    # before it. Without wait_for_completion=False it would do itself what the next two do.
    submit = MJImagineOperator(
        task_id="submit", prompt="{{ params.prompt }}", wait_for_completion=False, retries=2
    )

    # Looks every 20 seconds and gives its worker back in between.
    wait = MJTaskSensor(task_id="wait", mj_task_id=submit.output, timeout=timedelta(hours=1))

    result = MJTaskResultOperator(task_id="result", mj_task_id=submit.output)

    # The links of pictures live for a day: keep what you want to keep. This one is pulled and not passed as
    # an argument, which Airflow shows in its UI: who has the link has the picture.
    @task
    def pick(buttons: list[dict[str, Any]], *, ti: Any = None) -> dict[str, Any]:
        import requests

        folder = Path(os.environ.get("MJ_EXAMPLE_FOLDER", "mj_images"))
        folder.mkdir(parents=True, exist_ok=True)
        answer = requests.get(ti.xcom_pull(task_ids="result", key="imageUrl"), timeout=60)
        answer.raise_for_status()
        picture = folder / "grid.png"
        picture.write_bytes(answer.content)
        print(f"saved {picture.resolve()}; it has the buttons {[button['label'] for button in buttons]}")

        # MJActionOperator presses it: see mj_upscale.py.
        upscale = next((button for button in buttons if "::upsample::2" in button["customId"]), None)
        return {"picture": str(picture.resolve()), "button": upscale}

    wait >> result
    pick(result.output["buttons"])


mj_image_pipeline()
