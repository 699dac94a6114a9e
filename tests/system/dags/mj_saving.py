"""Saves the pictures of a task into a folder, each as an asset of its own."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AssetAlias, Param, dag

from airflow_provider_mj.operators.mj import MJSaveImagesOperator


@dag(schedule=None, params={"task": Param("", type="string"), "folder": Param("", type="string")})
def mj_saving() -> None:
    MJSaveImagesOperator(
        task_id="save",
        task="{{ params.task }}",
        destination="{{ params.folder }}",
        outlets=[AssetAlias("mj_each_picture")],
    )


mj_saving()
