"""Runs whenever pictures were saved: it is scheduled on the asset that mj_image_pipeline tells of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import Asset, dag, task


@dag(schedule=[Asset("mj_pictures")], start_date=datetime(2026, 1, 1, tzinfo=UTC), tags=["midjourney"])
def mj_gallery() -> None:
    # Put here what makes use of new pictures: a page, a message, rows of a table. One run may hear of
    # several saves.
    @task
    def show(**context: Any) -> list[dict[str, str]]:
        # Airflow 2 calls assets datasets.
        events = context.get("triggering_asset_events") or context.get("triggering_dataset_events") or {}
        new = [
            {"uri": picture["uri"], "prompt": picture["prompt"]}
            for events_of_one in events.values()
            for event in events_of_one
            for picture in event.extra.get("pictures", [])
        ]
        for picture in new:
            print(f"{picture['uri']}: {picture['prompt']}")
        return new

    show()


mj_gallery()
