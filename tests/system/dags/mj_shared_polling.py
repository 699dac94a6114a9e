"""Twenty images, waited for twice: by twenty mapped tasks and by one, all in the triggerer."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_mj.operators.mj import MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor

IMAGES = 20


@dag(schedule=None)
def mj_shared_polling() -> None:
    @task(retries=0)
    def submit() -> list[str]:
        from airflow_provider_mj.hooks.mj import MJHook

        hook = MJHook()
        return [hook.submit("imagine", {"prompt": f"cat {n}"}).mj_task_id for n in range(IMAGES)]

    mj_task_ids = submit()
    MJTaskSensor(task_id="all", mj_task_ids=mj_task_ids, deferrable=True)
    MJTaskResultOperator.partial(task_id="each", deferrable=True).expand(mj_task_id=mj_task_ids)


mj_shared_polling()
