"""Which family a gateway most likely is of, told by its answers: a table of signs. No I/O.

No gateway says what it is, and whoever runs one changes words. So no sign decides alone: the family wins for
which most of them speak. JAVA = novicezk/midjourney-proxy, CS = trueai-org/midjourney-proxy, GO = new-api and
its forks, PLUS = midjourney-proxy-plus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.check.routes import Route, route
from airflow_provider_mj.check.seen import Probe, Seen
from airflow_provider_mj.gateway.errors import TaskNotFoundError
from airflow_provider_mj.gateway.task import TaskStatus
from airflow_provider_mj.gateway.wording import is_page

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_mj.gateway.task import Task


class Family(StrEnum):
    """The families of gateways that the provider knows."""

    JAVA = "novicezk"
    CS = "trueai"
    GO = "new_api"
    GO_OLD = "new_api_old"
    PLUS = "plus"
    UNKNOWN = "unknown"

    @property
    def software(self) -> str:
        """What such gateways run."""
        return _SOFTWARE[self]


_SOFTWARE = {
    Family.JAVA: "novicezk/midjourney-proxy",
    Family.CS: "trueai-org/midjourney-proxy",
    Family.GO: "new-api or a fork of it",
    Family.GO_OLD: "an old release of new-api",
    Family.PLUS: "midjourney-proxy-plus",
    Family.UNKNOWN: "software that the provider does not know",
}
_GO = frozenset({Family.GO, Family.GO_OLD})


@dataclass(frozen=True)
class Sign:
    """Something in the answers that speaks for some families, and so against the others.

    :param what: it, for a person.
    :param families: for which it speaks.
    :param shows: whether it is there.
    """

    what: str
    families: Collection[Family]
    shows: Callable[[Seen], bool]


@dataclass(frozen=True)
class Guess:
    """Which family it most likely is.

    :param family: the family; ``UNKNOWN`` where none has most signs for it.
    :param among: the families for which most signs speak, where there are several.
    :param signs: the signs for the family.
    :param against: those that don't fit it.
    """

    family: Family
    among: tuple[Family, ...] = ()
    signs: tuple[str, ...] = ()
    against: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it looks like, in words."""
        several = " or ".join(family.software for family in self.among)
        return several if self.family is Family.UNKNOWN and several else self.family.software


def guess(seen: Seen) -> Guess:
    """Tell which family a gateway most likely is of.

    :param seen: what the probes saw of a host that is a gateway.
    """
    shown = [sign for sign in SIGNS if sign.shows(seen)]
    counts = {family: sum(family in sign.families for sign in shown) for family in _SOFTWARE}
    most = max(counts.values())
    best = tuple(family for family, count in counts.items() if count == most > 1)
    # What only an old release does has to be seen; a fork of a newer one may show little.
    if set(best) == _GO:
        best = (Family.GO,)
    family = best[0] if len(best) == 1 else Family.UNKNOWN
    fitting = [sign for sign in shown if family in sign.families]
    return Guess(
        family,
        among=best,
        signs=tuple(sign.what for sign in fitting),
        against=tuple(sign.what for sign in shown if sign not in fitting) if fitting else (),
    )


def _status(seen: Seen, probe: Probe) -> int:
    answer = seen.reply(probe).answer
    return answer.status if answer else 0


def _text(seen: Seen, probe: Probe) -> str:
    answer = seen.reply(probe).answer
    return answer.text.strip() if answer else ""


def _is_empty(seen: Seen, probe: Probe, status: int) -> bool:
    return _status(seen, probe) == status and not _text(seen, probe)


def _body(seen: Seen, probe: Probe) -> Mapping[str, Any]:
    answer = seen.reply(probe).answer
    return answer.body if answer and isinstance(answer.body, Mapping) else {}


def _error(seen: Seen, probe: Probe) -> Mapping[str, Any]:
    error = _body(seen, probe).get("error")
    return error if isinstance(error, Mapping) else {}


def _tasks(seen: Seen) -> list[Task]:
    return seen.reply(Probe.TASKS).value or []


def _has_property(seen: Seen, *names: str) -> bool:
    return any(name in task.properties for task in _tasks(seen) for name in names)


def _is_without_buttons(seen: Seen) -> bool:
    done = [task for task in _tasks(seen) if task.status == TaskStatus.SUCCESS]
    return bool(done) and not any(task.buttons for task in done)


def _is_log(seen: Seen) -> bool:
    reply = seen.reply(Probe.LOG)
    return reply.answer is not None and reply.error is None


def _is_charged(seen: Seen) -> bool:
    log = seen.reply(Probe.LOG).value
    return bool(log and log.submissions)


def _is_unknown_task_told(seen: Seen) -> bool:
    told = _status(seen, Probe.FETCH) == 400 and _body(seen, Probe.FETCH).get("code") == 4  # noqa: PLR2004
    return told and isinstance(seen.reply(Probe.FETCH).error, TaskNotFoundError)


_REFUSED, _MISSING = 401, 404
SIGNS: tuple[Sign, ...] = (
    Sign("an unknown task: 200, empty", {Family.JAVA, Family.PLUS}, lambda s: _is_empty(s, Probe.FETCH, 200)),
    Sign("an unknown task: 204", {Family.CS}, lambda s: _is_empty(s, Probe.FETCH, 204)),
    Sign("an unknown task: 400, code 4", _GO, _is_unknown_task_told),
    Sign("no key: 401, empty", {Family.JAVA}, lambda s: _is_empty(s, Probe.NO_KEY, _REFUSED)),
    Sign(
        "no key: 401, a line of text",
        {Family.CS},
        lambda s: _text(s, Probe.NO_KEY).lower().startswith("authorization header"),
    ),
    Sign("no key: 401, an error object", _GO, lambda s: bool(_error(s, Probe.NO_KEY))),
    # QuantumNous/new-api has put a code into its errors since the middle of 2025.
    Sign("its errors have a code", {Family.GO}, lambda s: "code" in _error(s, Probe.NO_KEY)),
    Sign(
        "its errors have no code",
        {Family.GO_OLD},
        lambda s: bool(_error(s, Probe.NO_KEY)) and "code" not in _error(s, Probe.NO_KEY),
    ),
    Sign(
        "no key: 401 with a description",
        {Family.PLUS},
        lambda s: _status(s, Probe.NO_KEY) == _REFUSED and "description" in _body(s, Probe.NO_KEY),
    ),
    Sign(
        "a missing call: 200, a web page",
        _GO,
        lambda s: _status(s, Probe.NO_CALL) == 200 and is_page(_text(s, Probe.NO_CALL).lower()),  # noqa: PLR2004
    ),
    Sign("a missing call: 404, empty", {Family.CS}, lambda s: _is_empty(s, Probe.NO_CALL, _MISSING)),
    Sign(
        "a missing call: 404, as Spring says it",
        {Family.JAVA, Family.PLUS},
        lambda s: _body(s, Probe.NO_CALL).keys() >= {"timestamp", "status", "error"},
    ),
    Sign(
        "it lists its tasks",
        {Family.JAVA, Family.CS, Family.PLUS},
        lambda s: route(s.reply(Probe.TASKS)) is Route.WORKS,
    ),
    Sign("it does not list its tasks", _GO, lambda s: route(s.reply(Probe.TASKS)) is Route.MISSING),
    Sign("its tasks have a cost", {Family.PLUS}, lambda s: any(task.cost is not None for task in _tasks(s))),
    Sign(
        "its tasks have a duration and a job",
        {Family.CS},
        lambda s: _has_property(s, "useTime", "isCompleted", "instanceId"),
    ),
    Sign("its finished tasks have no buttons", {Family.JAVA}, _is_without_buttons),
    Sign("it has no call for seeds", {Family.JAVA}, lambda s: route(s.reply(Probe.SEED)) is Route.MISSING),
    Sign(
        "it has a call for seeds",
        {Family.CS, Family.PLUS, *_GO},
        lambda s: route(s.reply(Probe.SEED)).exists,
    ),
    Sign(
        "it has no call to cancel",
        {Family.JAVA, *_GO},
        lambda s: route(s.reply(Probe.CANCEL)) is Route.MISSING,
    ),
    Sign(
        "a cancel: no word, or a line of text",
        {Family.CS},
        lambda s: route(s.reply(Probe.CANCEL)).exists and not _body(s, Probe.CANCEL),
    ),
    Sign("a cancel: an answer with a code", {Family.PLUS}, lambda s: "code" in _body(s, Probe.CANCEL)),
    Sign("it keeps a log of the key", _GO, _is_log),
    Sign("the log of the key names submissions", {Family.GO}, _is_charged),
    Sign(
        "it hands pictures on",
        _GO,
        lambda s: "midjourney_task_not_found" in str(_body(s, Probe.IMAGE).get("error", "")),
    ),
)
"""The signs. Where each was read is in ``docs/check.md``."""
