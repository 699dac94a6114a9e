"""All cases of the kill test: a DAG for each dialect and victim, a task for each point and mode."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby

from airflow.providers.common.compat.sdk import dag

from benchmarks.payonce.cases import Case, cases
from benchmarks.payonce.killing import KilledImagineOperator


def build(dag_id: str, its_cases: list[Case]) -> None:
    """Build one DAG."""

    @dag(dag_id=dag_id, schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)})
    def payonce() -> None:
        for case in its_cases:
            KilledImagineOperator(
                task_id=case.task_id,
                case=case,
                prompt=case.prompt,
                mj_conn_id=case.conn_id,
                deferrable=case.is_deferrable,
                poll_interval=1,
                timeout=120,
            )

    payonce()


for name, members in groupby(cases(), key=lambda case: case.dag_id):
    build(name, list(members))
