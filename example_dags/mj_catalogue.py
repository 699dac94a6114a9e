"""A picture for each row of a catalogue: three at a time, and a bad row ends nothing but itself.

The tasks share a pool, which is made once; three is how many jobs many gateways draw at a time:

    airflow pools set midjourney 3 "jobs at the Midjourney gateway" --include-deferred

With it the DAG is the same whether its workers wait or the triggerer does (``[operators] default_deferrable``
in Airflow's configuration).

The four pictures of each row are saved, whatever becomes of other rows. The run ends as failed if a row has
no picture, and its last task names those rows; the links of the others are the return value of ``collect``.
To go on, mend the CSV and clear the run: on Airflow 3.3 and later only what has no picture yet is submitted
and paid.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, Param, dag, task

from airflow_provider_mj.operators.mj import MJImagineOperator, MJSaveImagesOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

CATALOGUE = Path(__file__).with_name("catalogue.csv")
FOLDER = Path.home() / "mj_pictures"


def arguments(row: dict[str, str]) -> dict[str, Any]:
    # The SKU becomes a param of the mapped task, for its label in the UI.
    return {"prompt": row["prompt"], "params": {"sku": row["sku"]}}


def keep_reason(context: Context) -> None:
    # A task that fails has no return value, but it may push; an attempt that follows begins without it.
    context["ti"].xcom_push(key="reason", value=str(context["exception"]))


@dag(
    schedule=None,
    params={
        "catalogue": Param(str(CATALOGUE), type="string", description="CSV with sku, name and prompt"),
        "folder": Param(str(FOLDER), type="string", description="where pictures go: a path, or s3://..."),
    },
    tags=["midjourney"],
)
def mj_catalogue() -> None:
    @task
    def read(params: dict[str, Any]) -> list[dict[str, str]]:
        with Path(params["catalogue"]).open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    rows = read()

    # No retry pays twice: from Airflow 3.3 on it takes up the job of the try before it.
    draw = MJImagineOperator.partial(
        task_id="draw",
        pool="midjourney",
        retries=2,
        on_failure_callback=keep_reason,
        map_index_template="{{ params.sku }}",
    ).expand_kwargs(rows.map(arguments))

    # One task for all rows that have a picture, since each that starts takes longer than a download.
    MJSaveImagesOperator(
        task_id="save",
        task=draw.output,
        destination="{{ params.folder }}",
        trigger_rule="all_done",
        retries=2,
    )

    # Who has the link has the picture, for a day: so links are pulled and not passed as arguments, which
    # Airflow shows in its UI, and not logged.
    @task(trigger_rule="all_done", multiple_outputs=False, show_return_value_in_logs=False)
    def collect(rows: list[dict[str, str]], *, ti: Any = None) -> dict[str, str]:
        pictures, failed = {}, {}
        for place, row in enumerate(rows):
            url = ti.xcom_pull(task_ids="draw", key="imageUrl", map_indexes=place)
            if url:
                pictures[row["sku"]] = url
            else:
                reason = ti.xcom_pull(task_ids="draw", key="reason", map_indexes=place)
                failed[row["sku"]] = reason or "it was killed or did not run; see its log"
        ti.xcom_push(key="failed", value=failed)
        return pictures

    # Whatever works on with the pictures follows `collect`; this only makes the failed rows plain to see.
    @task
    def check(failed: dict[str, str]) -> None:
        if failed:
            lines = [f"{sku}: {reason}" for sku, reason in failed.items()]
            raise AirflowFailException("\n".join([f"{len(failed)} rows have no picture", *lines]))

    collected = collect(rows)
    draw >> collected
    check(collected["failed"])


mj_catalogue()
