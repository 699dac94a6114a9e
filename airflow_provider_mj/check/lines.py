"""What the probes saw, line by line: what was asked, whether it is there, and what came. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.check.routes import Route, route
from airflow_provider_mj.check.seen import KeyLog, Probe
from airflow_provider_mj.check.trouble import decisive, knows_tasks, told
from airflow_provider_mj.gateway.errors import CertificateError, NoConnectionError, UnauthorizedError
from airflow_provider_mj.gateway.shown import quote
from airflow_provider_mj.gateway.wording import is_page
from airflow_provider_mj.submitting.reconcile import CLOCK_SKEW

if TYPE_CHECKING:
    from airflow_provider_mj.check.seen import Reply, Seen

_EXACT = 2.0


class Verdict(StrEnum):
    """What a line comes to."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that was found out.

    :param name: its name, the same in every report.
    :param asked: what was asked, for a person.
    :param verdict: whether it is so.
    :param came: what came, for a person; all that a gateway sent is quoted in it.
    :param is_needed: whether the provider can't do without.
    """

    name: str
    asked: str
    verdict: Verdict
    came: str
    is_needed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give the line as JSON primitives."""
        return {
            "name": self.name,
            "asked": self.asked,
            "verdict": str(self.verdict),
            "came": self.came,
            "needed": self.is_needed,
        }


def lines(seen: Seen) -> tuple[Line, ...]:
    """Give all that was found out; what was not asked for, since something before it failed, is left out.

    :param seen: what the probes saw.
    """
    found = [_reached(seen), _tls(seen)]
    if seen.reply(Probe.LIST).answer is None and not knows_tasks(seen.reply(Probe.FETCH)):
        return tuple(found)
    found += [_key(seen), _reading(seen), _one_task(seen), _listed(seen)]
    if knows_tasks(seen.reply(Probe.FETCH)):
        found += [make(seen) for probe, make in _FURTHER.items() if probe in seen.replies]
    return (*found, _clock(seen))


def _reached(seen: Seen) -> Line:
    reply, target = seen.reply(Probe.LIST), seen.target
    is_reached = not isinstance(reply.error, NoConnectionError)
    if not is_reached or (reply.answer is None and not knows_tasks(seen.reply(Probe.FETCH))):
        verdict, came = Verdict.NO, _failure(reply)
    else:
        verdict, came = Verdict.YES, f"{target.gateway} answers{_from(seen)}"
    return Line(name="reached", asked="is it reached", verdict=verdict, came=came, is_needed=True)


def _from(seen: Seen) -> str:
    answer = seen.reply(Probe.LIST).answer
    if seen.target.is_proxied:
        return ", through the proxy of this machine's environment"
    if answer is None or not answer.address:
        return ""
    form = "IPv6" if ":" in answer.address else "IPv4"
    return f" from {quote(answer.address)} ({form})"


def _tls(seen: Seen) -> Line:
    target, error = seen.target, seen.reply(Probe.LIST).error
    if not target.is_tls:
        verdict, came = Verdict.NO, "the connection has http://: the key and all else can be read on the way"
    elif isinstance(error, CertificateError):
        verdict, came = Verdict.NO, _failure(seen.reply(Probe.LIST))
    elif isinstance(error, NoConnectionError):
        verdict, came = Verdict.UNKNOWN, "there was no connection"
    elif not target.is_verified:
        verdict, came = Verdict.NO, "its certificate is not checked, as `verify` of the connection says"
    else:
        verdict, came = Verdict.YES, "its certificate is accepted"
    is_needed = isinstance(error, CertificateError)
    return Line(name="tls", asked="is it encrypted", verdict=verdict, came=came, is_needed=is_needed)


def _key(seen: Seen) -> Line:
    """Whether the key is taken: that it was not refused says that only where no key is refused."""
    listed, fetched = seen.reply(Probe.LIST), seen.reply(Probe.FETCH)
    refusal = next((one for one in (fetched, listed) if isinstance(one.error, UnauthorizedError)), None)
    is_taken = listed.error is None or knows_tasks(fetched)
    if refusal and not is_taken and refusal.answer and refusal.answer.status == 401:  # noqa: PLR2004
        verdict, came = Verdict.NO, _failure(refusal)
    elif not is_taken and not refusal:
        verdict, came = Verdict.UNKNOWN, _failure(listed)
    elif _is_open(seen):
        verdict, came = Verdict.YES, "whatever it is: this gateway answers without a key as well"
    else:
        has = f"sent as {seen.target.auth_scheme}" if seen.target.has_key else "the connection has none"
        verdict, came = Verdict.YES, f"it is not refused, {has}"
    return Line(name="key", asked="is the key taken", verdict=verdict, came=came, is_needed=True)


def _is_open(seen: Seen) -> bool:
    return seen.target.has_key and knows_tasks(seen.reply(Probe.NO_KEY))


def _reading(seen: Seen) -> Line:
    error = decisive(seen)
    if isinstance(error, UnauthorizedError):
        verdict, came = Verdict.NO, told(error)
    elif error is not None:
        verdict, came = Verdict.UNKNOWN, told(error)
    else:
        verdict, came = Verdict.YES, "it may ask for tasks"
    return Line(name="read", asked="may the key read tasks", verdict=verdict, came=came, is_needed=True)


def _one_task(seen: Seen) -> Line:
    fetched = seen.reply(Probe.FETCH)
    if knows_tasks(fetched):
        verdict, came = Verdict.YES, f"a task that does not exist is told as such ({_http(fetched)})"
    else:
        verdict = Verdict.NO if fetched.answer else Verdict.UNKNOWN
        came = _failure(fetched)
    return Line(name="fetch", asked=str(Probe.FETCH), verdict=verdict, came=came, is_needed=True)


def _listed(seen: Seen) -> Line:
    reply = seen.reply(Probe.LIST)
    if reply.error is None:
        verdict, came = Verdict.YES, "many tasks are looked at with one request"
    else:
        verdict = Verdict.NO if reply.answer else Verdict.UNKNOWN
        came = f"each task is looked at with a request of its own: {_failure(reply)}"
    return Line(name="list_by_condition", asked=str(Probe.LIST), verdict=verdict, came=came)


def _task_list(seen: Seen) -> Line:
    reply = seen.reply(Probe.TASKS)
    tasks = reply.value or []
    states = sum(task.state is not None for task in tasks)
    if reply.error is None and not tasks:
        came = "it is empty"
    else:
        came = f"{states} of the {len(tasks)} tasks that were looked at show a state"
    return _of_route("task_list", Probe.TASKS, reply, works=came)


def _key_log(seen: Seen) -> Line:
    reply = seen.reply(Probe.LOG)
    log: KeyLog = reply.value or KeyLog()
    if reply.error is None and not log.submissions:
        came = "it shows no submission: none was charged yet, nothing is logged, or the release is an old one"
        return Line(name="key_log", asked=str(Probe.LOG), verdict=Verdict.UNKNOWN, came=came)
    states = sum(task.state is not None for task in log.tasks)
    works = (
        f"{log.submissions} of its {log.rows} rows are of submissions, and {states} of the {len(log.tasks)} "
        "tasks that were looked at show a state"
    )
    return _of_route("key_log", Probe.LOG, reply, works=works)


def _cancel(seen: Seen) -> Line:
    return _of_route("cancel", Probe.CANCEL, seen.reply(Probe.CANCEL), works="it is there")


def _seed(seen: Seen) -> Line:
    return _of_route("seed", Probe.SEED, seen.reply(Probe.SEED), works="it is there")


def _image(seen: Seen) -> Line:
    return _of_route("image_route", Probe.IMAGE, seen.reply(Probe.IMAGE), works="it is there")


_FURTHER = {
    Probe.TASKS: _task_list,
    Probe.LOG: _key_log,
    Probe.CANCEL: _cancel,
    Probe.SEED: _seed,
    Probe.IMAGE: _image,
}
_VERDICTS = {
    Route.WORKS: Verdict.YES,
    Route.REFUSES: Verdict.YES,
    Route.FORBIDDEN: Verdict.NO,
    Route.MISSING: Verdict.NO,
    Route.UNKNOWN: Verdict.UNKNOWN,
}


def _of_route(name: str, probe: Probe, reply: Reply, *, works: str) -> Line:
    found = route(reply)
    came = works if found is Route.WORKS else f"{found.value} ({_words(reply)})"
    return Line(name=name, asked=str(probe), verdict=_VERDICTS[found], came=came)


def _clock(seen: Seen) -> Line:
    ahead = seen.ahead
    if ahead is None:
        verdict, came = Verdict.UNKNOWN, "it tells no time"
    elif abs(ahead) <= _EXACT:
        verdict, came = Verdict.YES, "it shows the time of this machine"
    else:
        verdict = Verdict.YES if abs(ahead) <= CLOCK_SKEW else Verdict.NO
        side = "ahead of" if ahead > 0 else "behind"
        wrong = "" if verdict is Verdict.YES else ": set the one that is wrong"
        came = f"it is {abs(ahead):.0f} s {side} this machine's{wrong}"
    return Line(name="clock", asked="is its clock right", verdict=verdict, came=came)


def _failure(reply: Reply) -> str:
    """Say what came in place of what was asked for."""
    return told(reply.error) if reply.error else _http(reply)


def _words(reply: Reply) -> str:
    """Say what an answer was, with the gateway's words where they are words."""
    if reply.answer is None:
        return _failure(reply)
    said = reply.answer.said
    shown = "a web page" if is_page(said.lower()) else quote(said) or "empty"
    return f"{_http(reply)}: {shown}"


def _http(reply: Reply) -> str:
    return f"HTTP {reply.answer.status}" if reply.answer else "it was not asked"
