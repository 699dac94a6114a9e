"""Runs the cases in a real Airflow, and finds out how each ended."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from benchmarks.payonce.cases import Case, Victim
from benchmarks.payonce.gateways import Gateways
from benchmarks.payonce.instance import KillTestAirflow
from benchmarks.payonce.judging import Ending
from benchmarks.payonce.killing import note_kill, was_killed
from tools.airflow_api import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tools.airflow_api import TaskInstance

T = TypeVar("T")

RUN_SECONDS = 600.0
_LOOK_SECONDS = 1.0
_ATTEMPTS = 5
_PNG = b"\x89PNG\r\n"
_LOST_WAIT = "waiting in the triggerer for"
_ADVICE = ("unknown whether", "MJTaskResultOperator", "resubmit_if_unknown=True")


class KillTest:
    """The cases in a running Airflow, at running gateways.

    :param airflow: the Airflow.
    :param gateways: the gateways.
    """

    def __init__(self, airflow: KillTestAirflow, gateways: Gateways) -> None:
        self._airflow = airflow
        self._gateways = gateways
        self._runs: dict[str, str] = {}

    def run(self, cases: Iterable[Case]) -> None:
        """Run the DAGs of some cases, all at once, until they have ended.

        :raises TimeoutError: when they have not ended in time.
        """
        mine = list(cases)
        dag_ids = list(dict.fromkeys(case.dag_id for case in mine))
        for dag_id in dag_ids:
            self._airflow.wait_for_dag(dag_id)
            self._runs[dag_id] = _patiently(partial(self._airflow.api.trigger, dag_id))
        print(f"{len(dag_ids)} DAGs run, with {len(mine)} cases", flush=True)
        deadline = time.monotonic() + RUN_SECONDS
        while going_on := self._going_on(dag_ids):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {RUN_SECONDS:g} s these go on: {', '.join(going_on)}")
            self._kill_triggerer([case for case in mine if case.victim is Victim.TRIGGERER])
            time.sleep(_LOOK_SECONDS)

    def ending(self, case: Case) -> Ending:
        """Find out how a case has ended."""
        instance = self._instance(case)
        task = self._xcom(case, "return_value")
        log = self._airflow.task_log(case.dag_id, self._runs[case.dag_id], case.task_id)
        return Ending(
            case=case,
            was_killed=was_killed(self._airflow.marks, case),
            state=instance.state,
            tries=instance.try_number,
            charged=self._gateways.charged(case),
            mj_task_id=task["id"] if task else None,
            has_picture=_opens(self._xcom(case, "imageUrl")),
            has_lost_wait=_LOST_WAIT in log,
            says_unknown=all(words in log for words in _ADVICE),
        )

    def _going_on(self, dag_ids: Sequence[str]) -> list[str]:
        states = {dag_id: _patiently(partial(self._state, dag_id)) for dag_id in dag_ids}
        return [dag_id for dag_id, state in states.items() if state not in ENDED]

    def _kill_triggerer(self, cases: Sequence[Case]) -> None:
        """Kill the triggerer, once, when it waits for all of these."""
        if not self._noted(cases) and all(self._is_waited_for(case) for case in cases):
            for case in cases:
                note_kill(self._airflow.marks, case)
            self._airflow.replace_triggerer()

    def _noted(self, cases: Sequence[Case]) -> bool:
        return all(was_killed(self._airflow.marks, case) for case in cases)

    def _is_waited_for(self, case: Case) -> bool:
        """Tell whether the trigger of a case has begun, and the wait goes on."""
        log = self._airflow.trigger_log(case.dag_id, self._runs[case.dag_id], case.task_id)
        return log != "" and self._instance(case).state == "deferred"

    def _state(self, dag_id: str) -> str:
        return self._airflow.api.run_state(dag_id, self._runs[dag_id])

    def _instance(self, case: Case) -> TaskInstance:
        ask = partial(self._airflow.api.task_instances, case.dag_id, self._runs[case.dag_id])
        return _patiently(ask)[case.task_id]

    def _xcom(self, case: Case, key: str) -> Any:
        try:
            return self._airflow.api.xcom(case.dag_id, self._runs[case.dag_id], case.task_id, key)
        except requests.HTTPError:
            return None


def run(cases: Sequence[Case], home: Path) -> list[Ending]:
    """Run cases.

    :param cases: the cases.
    :param home: folder for the Airflow; must be new or empty.
    :returns: how each ended.
    """
    with Gateways(cases) as gateways, KillTestAirflow(home, gateways.connections()) as airflow:
        test = KillTest(airflow, gateways)
        test.run(case for case in cases if case.victim is not Victim.TRIGGERER)
        test.run(case for case in cases if case.victim is Victim.TRIGGERER)
        return [test.ending(case) for case in cases]


def _patiently(call: Callable[[], T]) -> T:
    """Call again where the API failed: SQLite is locked now and then, with so many tasks at once."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(requests.RequestException):
            return call()
        time.sleep(_LOOK_SECONDS)
    return call()


def _opens(image_url: object) -> bool:
    if not isinstance(image_url, str):
        return False
    answer = requests.get(image_url, timeout=30)
    return answer.ok and answer.content.startswith(_PNG)
