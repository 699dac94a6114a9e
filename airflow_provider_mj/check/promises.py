"""Which promises of the provider hold at a gateway. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_mj.check.families import Family
from airflow_provider_mj.check.lines import Line, Verdict
from airflow_provider_mj.check.routes import Route, route
from airflow_provider_mj.check.seen import KeyLog, Probe

if TYPE_CHECKING:
    from airflow_provider_mj.check.families import Guess
    from airflow_provider_mj.check.seen import Seen
    from airflow_provider_mj.gateway.task import Task


_RELAYS = (Family.GO, Family.GO_OLD)
_ECHOES = (Family.JAVA, Family.CS, Family.PLUS)
"""Families whose lists show the ``state`` of a submission, by their sources, or documents (PLUS)."""
_NO_STATE = "it lists its tasks, and none was seen with a `state`, by which one is found"
_NO_ROWS = "there is a log of the key, which shows no submission yet: check again after one"
_OLD_LOG = (
    "releases as old as this show the log only to a key in the address, and none is put there. "
    "A person has to look"
)
_STATELESS_ROWS = (
    "the log of the key names its tasks, and none was seen with a `state`: it says which ones it may be"
)
_NOTHING = "it shows neither a list of tasks nor a log of the key: a person has to look"


def promises(seen: Seen, guess: Guess) -> tuple[Line, ...]:
    """Tell which promises hold.

    :param seen: what the probes saw of a host that is a gateway.
    :param guess: which family it most likely is of.
    """
    made = [_lost(seen, guess), _buttons(seen, guess), _single(seen)]
    if Probe.CANCEL in seen.replies:
        made.append(_by_route("cancel", "can a task be cancelled", seen, Probe.CANCEL))
    if Probe.SEED in seen.replies:
        made.append(_seeds(seen, guess))
    return tuple(made)


def _lost(seen: Seen, guess: Guess) -> Line:
    verdict, came = lost_submission(seen, guess)
    return Line(name="lost_submission", asked="is a lost submission found", verdict=verdict, came=came)


def lost_submission(seen: Seen, guess: Guess) -> tuple[Verdict, str]:
    """Tell whether a submission whose answer is lost is known to be found, and where.

    :param seen: what the probes saw.
    :param guess: which family it most likely is of.
    """
    tasks, log = seen.reply(Probe.TASKS), seen.reply(Probe.LOG)
    if route(tasks) is Route.WORKS:
        shown: list[Task] = tasks.value or []
        is_known = guess.family in _ECHOES or any(task.state for task in shown)
        return (Verdict.YES, "in its list of tasks") if is_known else (Verdict.UNKNOWN, _NO_STATE)
    if route(log) is Route.WORKS:
        return _logged(log.value or KeyLog(), guess)
    return Verdict.UNKNOWN, _NOTHING


def _logged(log: KeyLog, guess: Guess) -> tuple[Verdict, str]:
    if any(task.state for task in log.tasks):
        return Verdict.YES, "in the log of the key"
    if guess.family is Family.GO_OLD and not log.submissions:
        return Verdict.NO, _OLD_LOG
    return Verdict.UNKNOWN, _STATELESS_ROWS if log.submissions else _NO_ROWS


def _buttons(seen: Seen, guess: Guess) -> Line:
    tasks: list[Task] = seen.reply(Probe.TASKS).value or []
    if any(task.buttons for task in tasks):
        verdict, came = Verdict.YES, "the tasks that it lists have some"
    elif guess.family is Family.JAVA:
        verdict, came = Verdict.NO, "there are none at such gateways; U, V and the reroll are pressed without"
    elif guess.family in _RELAYS:
        verdict, came = Verdict.UNKNOWN, "what draws behind it decides; no finished task was seen"
    elif guess.family is Family.UNKNOWN:
        verdict, came = Verdict.UNKNOWN, "no finished task was seen"
    else:
        verdict, came = Verdict.YES, "there are at such gateways; no finished task was seen"
    return Line(name="buttons", asked="have tasks buttons", verdict=verdict, came=came)


def _single(seen: Seen) -> Line:
    tasks: list[Task] = seen.reply(Probe.TASKS).value or []
    if any(task.image_urls for task in tasks):
        verdict, came = Verdict.YES, "tasks that it lists have `imageUrls`"
    else:
        came = "only a finished grid shows it; without, the provider cuts the grid"
        verdict = Verdict.UNKNOWN
    return Line(name="single_pictures", asked="are there single pictures", verdict=verdict, came=came)


_OF_ROUTES = {
    Route.WORKS: (Verdict.YES, "it has the call"),
    Route.REFUSES: (Verdict.YES, "it has the call"),
    Route.FORBIDDEN: (Verdict.NO, "this key may not"),
    Route.MISSING: (Verdict.NO, "it has no such call"),
    Route.UNKNOWN: (Verdict.UNKNOWN, "what came does not tell"),
}


def _seeds(seen: Seen, guess: Guess) -> Line:
    line = _by_route("seeds", "are seeds told", seen, Probe.SEED)
    if guess.family in _RELAYS and line.verdict is Verdict.YES:
        return replace(
            line, verdict=Verdict.UNKNOWN, came="it has the call, and what draws behind it decides"
        )
    return line


def _by_route(name: str, asked: str, seen: Seen, probe: Probe) -> Line:
    verdict, came = _OF_ROUTES[route(seen.reply(probe))]
    return Line(name=name, asked=asked, verdict=verdict, came=came)
