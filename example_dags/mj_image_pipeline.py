"""One image, from prompt to files: submit, wait without a worker, publish, save, use.

It needs an Airflow connection ``mj_default`` of type ``mj``. To try it without paying, let the connection
point to the sandbox: ``python -m airflow_provider_mj.sandbox`` prints the one to use.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import Asset, Param, dag, task

from airflow_provider_mj.operators.mj import MJImagineOperator, MJSaveImagesOperator, MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor

# Any storage will do that Airflow knows, such as s3://my_conn@my-bucket/pictures.
FOLDER = os.environ.get("MJ_EXAMPLE_FOLDER", str(Path.home() / "mj_pictures"))
PICTURES = Asset("mj_pictures")


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

    # Links of pictures live for a day. This keeps the four pictures of the grid as files, each with its
    # history beside it, and tells the asset: mj_gallery is scheduled on it.
    save = MJSaveImagesOperator(task_id="save", task=result.output, destination=FOLDER, outlets=[PICTURES])

    @task
    def pick(buttons: list[dict[str, Any]], pictures: list[dict[str, Any]]) -> dict[str, Any]:
        # MJActionOperator presses it: see mj_upscale.py.
        upscale = next((button for button in buttons if "::upsample::2" in button["customId"]), None)
        return {"files": [picture["uri"] for picture in pictures], "button": upscale}

    wait >> result
    pick(result.output["buttons"], save.output)


mj_image_pipeline()
