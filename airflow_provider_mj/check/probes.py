"""The probes: each makes a call that costs nothing, and keeps what came; what it means is said elsewhere."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

from requests.utils import get_environ_proxies, select_proxy

from airflow_provider_mj.check.seen import KeyLog, Probe, Reply, Seen, Target
from airflow_provider_mj.gateway.answers import Ask
from airflow_provider_mj.gateway.client import NO_SUCH_TASK, GatewayClient
from airflow_provider_mj.gateway.errors import GatewayError, NoConnectionError
from airflow_provider_mj.gateway.settings import AuthScheme
from airflow_provider_mj.gateway.time_limits import time_limit
from airflow_provider_mj.gateway.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from concurrent.futures import Future

    from airflow_provider_mj.gateway.answers import Answer
    from airflow_provider_mj.gateway.settings import GatewaySettings
    from airflow_provider_mj.gateway.task import Task

    Call = Callable[[GatewayClient], Any]

PROBE_SECONDS = 4.0
"""Seconds for each probe. All but the first are made side by side, so that all take twice that at most."""

SAMPLE = 20
"""Tasks of the gateway's list, or log, that are looked at, the newest; the list may have megabytes."""

SHORT = (Probe.FETCH, Probe.TASKS, Probe.SEED, Probe.LOG)
"""The probes that the *Test* button needs, after :attr:`.Probe.LIST`."""

# A date header has whole seconds, which are cut off.
_HALF = 0.5


def look(
    settings: GatewaySettings,
    *,
    probes: Collection[Probe] = tuple(Probe),
    seconds: float = PROBE_SECONDS,
    now: Callable[[], float] = time.time,
) -> Seen:
    """Find out what a gateway does, without paying and without changing anything.

    :param settings: where it is.
    :param probes: which probes to make; the first, :attr:`.Probe.LIST`, is always made. Of a gateway that
        can't be reached no other is made, and of one that refuses the key only what may tell why.
    :param seconds: for each probe, above 0.
    :param now: gives the time, epoch seconds.
    :returns: what came. No :class:`.GatewayError` is raised, whatever that is.
    """
    began = now()
    first = _made(settings, Probe.LIST, seconds)
    seen = Seen(
        target=Target.of(settings, is_proxied=_is_proxied(settings)),
        replies={Probe.LIST: first},
        ahead=_ahead(first.answer, began, now()),
    )
    if isinstance(first.error, NoConnectionError):
        return seen
    is_refused = first.answer is not None and first.answer.status == HTTPStatus.UNAUTHORIZED
    wanted = [Probe.FETCH] if is_refused else [probe for probe in probes if probe is not Probe.LIST]
    others = _others(settings) if is_refused else []
    with ThreadPoolExecutor(max_workers=len(Probe)) as pool:
        # All of them at the same time: each may hang.
        schemes = [pool.submit(_made, other, Probe.LIST, seconds) for other in others]
        made = {probe: pool.submit(_made, settings, probe, seconds) for probe in wanted}
        taken = [
            str(one.auth_scheme) for one, made_one in zip(others, schemes, strict=True) if _fits(made_one)
        ]
        replies = {probe: future.result() for probe, future in made.items()}
    return replace(seen, replies={**seen.replies, **replies}, other_schemes=tuple(taken))


def _others(settings: GatewaySettings) -> list[GatewaySettings]:
    """Return settings with the key in the other headers, which is what is most often wrong."""
    if not settings.key:
        return []
    return [replace(settings, auth_scheme=one) for one in AuthScheme if one is not settings.auth_scheme]


def _fits(made: Future[Reply]) -> bool:
    return made.result().error is None


def _made(settings: GatewaySettings, probe: Probe, seconds: float) -> Reply:
    """Make a probe. It has a client of its own: the others are made at the same time."""
    answers: list[Answer] = []
    own = replace(settings, key="") if probe is Probe.NO_KEY else settings
    client = GatewayClient(own, attempts=1, heard=lambda _, answer: answers.append(answer))
    value, error = None, None
    with closing(client), time_limit(seconds):
        try:
            value = _CALLS[probe](client)
        except GatewayError as failure:
            error = failure
    return Reply(answer=answers[0] if answers else None, error=error, value=value)


def _ahead(answer: Answer | None, began: float, ended: float) -> float | None:
    if answer is None or answer.date is None:
        return None
    return answer.date + _HALF - (began + ended) / 2


def _is_proxied(settings: GatewaySettings) -> bool:
    return bool(select_proxy(settings.base_url, get_environ_proxies(settings.base_url)))


def _sample(tasks: Iterable[Task]) -> list[Task]:
    return list(islice(tasks, SAMPLE))


def _log(client: GatewayClient) -> KeyLog:
    """Read the log of the key, and the newest tasks that it names: only a ``state`` shows whose they are."""
    rows = client.key_log()
    named = [row.mj_task_id for row in rows if row.is_submission and row.mj_task_id][:SAMPLE]
    tasks: dict[str, Task] = {}
    with suppress(GatewayError):
        tasks = client.list_by_condition(named) if named else {}
        # Some lists show parts of tasks: as a search does, it looks at one alone then.
        partial = next((one for one, task in tasks.items() if not task.is_whole), None)
        if partial is not None:
            tasks[partial] = client.fetch(partial)
    return KeyLog(len(rows), sum(row.is_submission for row in rows), tuple(tasks.values()))


def _plain(path: str) -> Call:
    """Make a call of which only the raw answer matters."""

    def call(client: GatewayClient) -> None:
        request = Request(ask=Ask.READ, method="GET", path=path, fits=lambda _: False)
        client.send(request)

    return call


_CALLS: dict[Probe, Call] = {
    Probe.LIST: lambda client: client.check(attempts=1),
    Probe.FETCH: lambda client: client.fetch(NO_SUCH_TASK),
    Probe.TASKS: lambda client: client.read_newest(_sample),
    Probe.LOG: _log,
    Probe.CANCEL: lambda client: client.cancel(NO_SUCH_TASK),
    Probe.SEED: lambda client: client.image_seed(NO_SUCH_TASK),
    Probe.IMAGE: _plain(f"/mj/image/{NO_SUCH_TASK}"),
    Probe.NO_KEY: lambda client: client.fetch(NO_SUCH_TASK),
    Probe.NO_CALL: _plain(f"task/{NO_SUCH_TASK}/no-such-call"),
}
