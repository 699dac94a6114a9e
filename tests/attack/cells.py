"""Airflow task instances as their authors write them, and what Airflow does with their tries."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException
from attacked import TAG, Clock, Gateway, KilledError, Post, Store, Wire

from airflow_provider_mj.gateway.client import GatewayClient
from airflow_provider_mj.gateway.settings import GatewaySettings
from airflow_provider_mj.hooks.mj import MJHook
from airflow_provider_mj.operators.mj import MJActionOperator, MJImagineOperator

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.jobs import Job

PARENT = "900"
_NONCE = itertools.count()
_SUBMIT_TIMEOUT = 90.0


class Hook(MJHook):
    """A hook whose client speaks to the gateway of the attack."""

    def __init__(self, gateway: Gateway, posts: list[Post]) -> None:
        super().__init__("mj_attacked")
        self._wire = Wire(gateway, posts)

    @cached_property
    def client(self) -> GatewayClient:
        extra = {"submit_timeout": _SUBMIT_TIMEOUT}
        client = GatewayClient(GatewaySettings.parse(host="https://gw.example", key="sk-attack", extra=extra))
        client._transport = self._wire  # type: ignore[assignment]
        return client


class _Attacked:
    """An operator in the hands of the attack: its time is a number, and its inputs may be gone."""

    clock: Clock
    inputs_are_gone = False
    build_seconds = 0.0
    log = logging.getLogger("airflow_provider_mj.attack")

    def _start(self, *args: Any, **kwargs: Any) -> Any:
        watch = super()._start(*args, **kwargs)  # type: ignore[misc]
        watch.now = self.clock.time
        watch.block = partial(type(watch).block, watch, self.clock.sleep)
        return watch

    def build_job(self) -> Job:
        if self.inputs_are_gone:
            raise ValueError("the file is gone")
        self.clock.sleep(self.build_seconds)
        return super().build_job()  # type: ignore[misc,no-any-return]


class Imagine(_Attacked, MJImagineOperator):
    """Draws a prompt that is never sent twice in the same way, as one with a random seed."""

    def _prompt(self, prompt: str) -> str:
        return f"{prompt} --seed {next(_NONCE)}"


class Press(_Attacked, MJActionOperator):
    """Presses a button that opens a window, be there an answer or not."""

    def _check_answer(self, custom_id: str) -> None:
        """Let it be pressed without one: some buttons open windows that nobody expects."""


class Instance:
    """What Airflow tells a try of its task instance."""

    dag_id, run_id, map_index = "dag", "run", -1

    def __init__(self, cell: Cell, task: Any) -> None:
        self.task_id, self.task = f"cell{cell.number}", task
        self.try_number, self.max_tries = cell.try_number, cell.max_tries
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@dataclass
class End:
    """How a try has ended: with tasks, with an error, or by its death."""

    results: list[Any] = field(default_factory=list)
    error: BaseException | None = None
    told: str = ""

    @property
    def is_dead(self) -> bool:
        return isinstance(self.error, KilledError)

    @property
    def is_unknown(self) -> bool:
        return self.error is not None and "unknown whether a task was made" in self.told


@dataclass(repr=False)
class Cell:
    """An Airflow task instance.

    :param number: tells it from others.
    :param kind: ``own`` for an operator that is the task, ``inside`` for several inside of one, ``press``.
    :param letters: what is wished for, a letter each.
    :param waits: whether it waits for completion.
    :param renews: whether it has ``resubmit_on_failure``.
    """

    number: int
    kind: str
    letters: str
    waits: bool = True
    renews: bool = False
    has_answer: bool = True
    retries: int = 3
    try_number: int = 0
    max_tries: int = 3
    inputs_are_gone: bool = False
    build_seconds: float = 0.0
    store: Store = field(default_factory=Store)
    asked: list[str] = field(default_factory=list)
    """The letters of all rounds, each as often as it was wished at once."""
    round: list[str] = field(default_factory=list)
    """The letters of this round, edits in the middle of it included."""
    end: End | None = None

    def __repr__(self) -> str:
        how = (
            f"{self.kind} {self.letters}{'' if self.waits else ' no wait'}{' renews' if self.renews else ''}"
        )
        return f"<cell {self.number}: {how}, try {self.try_number} of {self.max_tries + 1}>"

    def tag(self, letter: str) -> str:
        return f"wish{self.number}{letter}"

    @property
    def tags(self) -> list[str]:
        return [self.tag(letter) for letter in self.letters]

    @property
    def retries_by_itself(self) -> bool:
        """Whether Airflow would run another try."""
        ended_badly = self.end is not None and self.end.error is not None
        is_final = ended_badly and isinstance(self.end and self.end.error, AirflowFailException)
        return ended_badly and not is_final and self.try_number <= self.max_tries

    def ask(self) -> None:
        """Note what is wished for in this try."""
        for letter in self.letters:
            times = self.letters.count(letter)
            self.asked += [letter] * (times - self.asked.count(letter))
        self.round += self.letters

    def clear(self) -> None:
        """A person clears it."""
        self.max_tries = self.try_number + self.retries
        self.round = []

    def attempt(self, gateway: Gateway, posts: list[Post]) -> End:
        """Run the next try."""
        self.try_number += 1
        self.ask()
        end, log = End(), _Told()
        logger = logging.getLogger("airflow_provider_mj.attack")
        logger.addHandler(log)
        try:
            self._run(gateway, posts, end)
        except (KilledError, Exception) as error:  # noqa: BLE001 (the machine judges it)
            end.error = error
            log.lines += [str(error), *getattr(error, "__notes__", [])]
        finally:
            logger.removeHandler(log)
        end.told = "\n".join(log.lines)
        self.end = end
        return end

    def _run(self, gateway: Gateway, posts: list[Post], end: End) -> None:
        operators = [self._operator(letter, gateway, posts) for letter in self.letters]
        outer = operators[0] if self.kind != "inside" else object()
        self.ti = Instance(self, outer)
        given = {"ti": self.ti, "task_state_store": self.store}
        for operator in operators:
            end.results.append(operator.execute(given))

    def _operator(self, letter: str, gateway: Gateway, posts: list[Post]) -> Any:
        more = {
            "task_id": "inner" if self.kind == "inside" else f"cell{self.number}",
            "wait_for_completion": self.waits,
            "resubmit_on_failure": self.renews,
            "retries": self.retries,
            "timeout": 300,
        }
        if self.kind == "press":
            custom_id = f"MJ::CustomZoom::{self.tag(letter)}"
            task = {"id": PARENT, "status": "SUCCESS", "buttons": [{"customId": custom_id, "label": letter}]}
            if self.has_answer:
                more["modal"] = {"prompt": f"answer of {self.tag(letter)}"}
            operator: Any = Press(task=task, button=custom_id, **more)
        else:
            operator = Imagine(prompt=f"a fox, {self.tag(letter)}", **more)
        operator.clock, operator.inputs_are_gone = gateway.clock, self.inputs_are_gone
        operator.build_seconds = self.build_seconds
        operator.__dict__["hook"] = Hook(gateway, posts)
        return operator


class _Told(logging.Handler):
    """Keeps what is told in a try."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def tag_of(result: Any) -> str:
    """Tell whose picture a published task is."""
    found = TAG.search(str(result["prompt"]))
    return found[0] if found else ""
