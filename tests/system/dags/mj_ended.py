"""Waits that cancel at the gateway when a person ends them: in a worker, and in the triggerer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import Param, dag

from airflow_provider_mj.sensors.mj import MJTaskSensor


def waiting(name: str, **how: Any) -> None:
    @dag(dag_id=name, schedule=None, params={"task": Param("", type="string")})
    def make() -> None:
        MJTaskSensor(
            task_id="wait",
            mj_task_id="{{ params.task }}",
            poke_interval=1,
            cancel_on_kill=True,
            retries=1,
            retry_delay=timedelta(seconds=1),
            **how,
        )

    make()


waiting("mj_ended_in_a_worker", mode="poke")
waiting("mj_ended_in_the_triggerer", deferrable=True)
