"""From what the probes saw to the report. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_mj.check.families import Family, Guess, guess
from airflow_provider_mj.check.lines import Verdict, lines
from airflow_provider_mj.check.promises import lost_submission, promises
from airflow_provider_mj.check.trouble import trouble

if TYPE_CHECKING:
    from airflow_provider_mj.check.lines import Line
    from airflow_provider_mj.check.seen import Seen


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a gateway can do.

    :param gateway: host and port.
    :param lines: what was found out.
    :param guess: which family it most likely is of.
    :param promises: which promises of the provider hold there; none where it can't be used.
    :param problem: one sentence that says what keeps the provider from using it; "" if nothing does.
    """

    gateway: str
    lines: tuple[Line, ...]
    guess: Guess
    promises: tuple[Line, ...] = ()
    problem: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether all is there that the provider needs."""
        return not self.problem and all(line.verdict is Verdict.YES for line in self.lines if line.is_needed)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON primitives."""
        return {
            "gateway": self.gateway,
            "usable": self.is_usable,
            "problem": self.problem or None,
            "family": str(self.guess.family),
            "software": self.guess.name,
            "signs": list(self.guess.signs),
            "signsAgainst": list(self.guess.against),
            "lines": [line.to_dict() for line in self.lines],
            "promises": [line.to_dict() for line in self.promises],
        }


def report(seen: Seen) -> Report:
    """Say what a gateway can do.

    :param seen: what the probes saw.
    """
    problem = trouble(seen)
    found = Guess(Family.UNKNOWN) if problem else guess(seen)
    return Report(
        gateway=seen.target.gateway,
        lines=lines(seen),
        guess=found,
        promises=() if problem else promises(seen, found),
        problem=problem,
    )


def summary(seen: Seen) -> tuple[bool, str]:
    """Say it in one or two sentences, for the *Test* button of a connection.

    :param seen: what the probes saw; those of :data:`.probes.SHORT` are enough.
    :returns: whether the provider can use the gateway, and the sentences.
    """
    problem = trouble(seen)
    if problem:
        return False, problem
    looks_like = guess(seen)
    verdict, where = lost_submission(seen, looks_like)
    known = f"The gateway {seen.target.gateway} answers and takes the key; it looks like {looks_like.name}"
    if verdict is Verdict.YES:
        return True, f"{known}: a lost submission is found {where}."
    if verdict is Verdict.NO:
        return True, f"{known}. A lost submission is not found there: {where}."
    return True, f"{known}. Whether a lost submission is found there is not known: {where}."
