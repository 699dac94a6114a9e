"""A grid of four, its second picture, and that once more at twice the size: two presses of buttons.

Each task takes the one before it from XCom, and finds the button by the name that it has in Discord.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import Param, dag, task

from airflow_provider_mj.operators.mj import MJActionOperator, MJImagineOperator


@dag(
    schedule=None,
    params={"prompt": Param("a tea house in the rain, woodblock print --ar 3:2", type="string")},
    default_args={"retries": 2},
    tags=["midjourney"],
)
def mj_upscale() -> None:
    grid = MJImagineOperator(task_id="grid", prompt="{{ params.prompt }}")
    second = MJActionOperator(task_id="second", task=grid.output, button="U2")
    large = MJActionOperator(task_id="large", task=second.output, button="Upscale (Subtle)")

    # Who has the link has the picture, for a day: so it is pulled and not passed as an argument, which
    # Airflow shows in its UI, and not logged. Put here what publishes it: a message, a table, a download.
    @task(multiple_outputs=False, show_return_value_in_logs=False)
    def publish(*, ti: Any = None) -> dict[str, Any]:
        picture = ti.xcom_pull(task_ids="large")
        return {key: picture[key] for key in ("id", "imageUrl", "imageUrlExpiresAt")}

    large >> publish()


mj_upscale()
