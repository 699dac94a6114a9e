"""Tasks that are tried and cleared: each try has another prompt, or runs several operators, or was edited."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import dag, get_current_context, task

from airflow_provider_mj.operators.mj import MJImagineOperator

QUICK = {"poll_interval": 0.5, "retries": 1, "retry_delay": timedelta(seconds=1)}


def written() -> str:
    """Give the prompt as it stands in a file now, as one does that is edited."""
    return Path(os.environ["MJ_MONEY_PROMPT"]).read_text(encoding="utf-8")


def fail_first(context: Any) -> None:
    """Fail after everything is paid for, in the first try."""
    if context["ti"].try_number == 1:
        raise RuntimeError("the first try fails")


class FailsFirst(MJImagineOperator):
    """Draws, and fails behind that in its first try."""

    def result(self, context: Any, tasks: Any) -> Any:
        """Fail, or publish."""
        fail_first(context)
        return super().result(context, tasks)


@dag(schedule=None, user_defined_macros={"written": written})
def mj_money() -> None:
    FailsFirst(task_id="changing", prompt="changing {{ ti.try_number }}", **QUICK)

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def inside() -> list[str]:
        context = get_current_context()
        prompts = ["inside, red", "inside, blue", "inside, red"]
        drawn = [
            MJImagineOperator(task_id="draw", prompt=prompt, poll_interval=0.5).execute(context)["id"]
            for prompt in prompts
        ]
        fail_first(context)
        return drawn

    inside()
    MJImagineOperator(task_id="edited", prompt="edited {{ written() }}", **QUICK)


mj_money()
