"""Faults that the provider had, put back in one at a time, to see that the machine finds them.

``python tests/attack/mutants.py`` prints a table of how long each took.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from attack import attack
from machine import COUNTS

from airflow_provider_mj.submitting import charged, reconcile, run, submitter, wishes
from airflow_provider_mj.submitting.record import Record, payload_digest
from airflow_provider_mj.submitting.submitter import Submitter
from airflow_provider_mj.submitting.wishes import Choice, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 120.0


def _retries_compare_bytes() -> Any:
    """M1: a retry is compared by what it would send."""

    def choose(records: Any, wish: Any, a_try: Any, *, taken: Any = (), is_told: bool, **_: Any) -> Choice:
        built = replace(wish, arguments=wish.payload)
        same = wishes._same([one for one in records if one.key not in taken], built)
        if same is not None:
            return wishes._taken_up(same)
        return Choice(Step.SUBMIT if is_told else Step.SEARCH)

    return mock.patch.object(submitter, "choose", choose)


def _arguments_of_bytes() -> Any:
    return mock.patch.object(
        run.Run, "_arguments", property(lambda self: payload_digest(self._build())), create=True
    )


def _any_old_list_proves_absence() -> Any:
    """M2: a list that shows something older is taken for proof, whatever else it shows."""

    def proves(self: Any, intent_at: float, _: float) -> bool:
        return self.oldest is not None and self.oldest < intent_at - reconcile.CLOCK_SKEW

    return mock.patch.object(reconcile._Shown, "proves_absence", proves)


def _one_record_for_all() -> Any:
    """M4: an Airflow task has one record, and only the last wish is in it."""

    def choose(records: Any, wish: Any, a_try: Any, *, taken: Any = (), is_told: bool, **_: Any) -> Choice:
        last = records[-1:]
        if last and last[0].arguments == wish.arguments():
            return wishes._taken_up(last[0])
        return Choice(Step.SUBMIT if is_told else Step.SEARCH)

    return mock.patch.multiple(submitter, choose=choose)


def _with_one_key() -> Any:
    return mock.patch.object(Record, "key", property(lambda self: ("", "", 0)))


def _windows_are_not_looked_at() -> Any:
    """M9: a window is answered without a look whether somebody has."""
    real = Submitter.answer

    def answer(self: Submitter, build: Any, submitted: Any) -> Any:
        return real(self, build, replace(submitted, is_new=True))

    return mock.patch.object(Submitter, "answer", answer)


def _builds_first() -> Any:
    """M14: what is sent is built before the record is read."""
    real = Submitter.submit

    def submit(self: Submitter, build: Callable[[], Any]) -> Any:
        job = build()
        return real(self, lambda: job)

    return mock.patch.object(Submitter, "submit", submit)


def _found_windows_are_no_windows() -> Any:
    """M17: a press whose answer was lost is found, and its window is not seen."""
    real = Submitter._found

    def found(self: Submitter, record: Any, seen: Any) -> Any:
        tasks = tuple(replace(task, status="IN_PROGRESS") for task in seen.tasks)
        return real(self, record, replace(seen, tasks=tasks))

    return mock.patch.object(Submitter, "_found", found)


def _numbered_states_are_anothers() -> Any:
    """G1: of a press that makes several tasks, whose states are numbered, none is known again."""
    return mock.patch.object(reconcile, "split_part", lambda state: (state, 0))


def _what_shows_no_state_is_anothers() -> Any:
    """LOG: what the key was charged for and shows no state yet is taken for another's."""
    return mock.patch.object(charged, "undecided", return_value=[])


MUTANTS: dict[str, tuple[Callable[[], Any], ...]] = {
    "M1": (_retries_compare_bytes, _arguments_of_bytes),
    "M2": (_any_old_list_proves_absence,),
    "M4": (_one_record_for_all, _with_one_key),
    "M9": (_windows_are_not_looked_at,),
    "M14": (_builds_first,),
    "M17": (_found_windows_are_no_windows,),
    "G1": (_numbered_states_are_anothers,),
    "LOG": (_what_shows_no_state_is_anothers,),
}


@contextmanager
def put_back(name: str) -> Iterator[None]:
    """Put a fault back in.

    :param name: its name in :data:`MUTANTS`.
    """
    patches = [make() for make in MUTANTS[name]]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.stop()


def hunt(name: str, seed: int, seconds: float = SECONDS) -> tuple[float, int, Exception | None]:
    """Let the machine look for a fault that was put back in.

    :returns: seconds, courses, and what was broken; None if it was not found.
    """
    began, before = time.monotonic(), COUNTS["courses"]
    with put_back(name):
        broken = attack(seconds, seed, shrinks=False)
    return time.monotonic() - began, COUNTS["courses"] - before, broken


def main() -> int:
    """Hunt each, and print a table."""
    missed = 0
    print("| fault | found after | courses | as |\n| --- | ---: | ---: | --- |")
    for name in sys.argv[1:] or MUTANTS:
        seconds, courses, broken = hunt(name, seed=1)
        missed += broken is None
        print(f"| {name} | {seconds:.1f} s | {courses} | {str(broken or 'NOT FOUND')[:160]} |", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
