"""The machine that attacks: random courses of operators, and what must hold after each step.

A course is what authors, Airflow, gateways, networks and persons may do in any order. After each try the
books are compared: what gateways have charged, what authors have wished, what is written down, what was told.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import Any

from attacked import START, Clock, Gateway, Lie, LogLie, Post, Remote
from cells import PARENT, Cell, End, tag_of
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_mj import deferring, polling
from airflow_provider_mj.submitting import run as run_module
from airflow_provider_mj.submitting.marks import mark
from airflow_provider_mj.submitting.submitter import Submitter

logging.getLogger("airflow_provider_mj.attack").propagate = False
logging.getLogger("airflow_provider_mj.attack").setLevel(logging.DEBUG)

FINISHED = ("SUCCESS", "FAILURE", "CANCEL")
PROVING = (Lie.HONEST,)
COUNTS: Counter[str] = Counter()
BUILDS = (0.0, 0.0, 400.0)
"""Seconds that it takes to find out what to send."""

kinds = st.sampled_from(["own", "inside", "press"])
parts = st.floats(0.0, 1.0, width=16)
posts = st.one_of(
    st.just(Post()),
    st.builds(Post, answered=parts, kills=st.booleans()),
    st.builds(Post, sent=parts, kills=st.booleans()),
    st.builds(Post, late=st.sampled_from([20.0, 200.0]), kills=st.booleans()),
    st.builds(Post, refusal=st.sampled_from([24, 9, 23])),
    st.just(Post(is_doubled=True)),
)
deaths = st.none() | st.tuples(st.integers(1, 4), st.booleans())
mostly = st.sampled_from([True, True, True, False])
nights = st.sampled_from([False, False, True])
letters = st.sampled_from(["a", "b", "c"])
several = st.sampled_from(["ab", "aab", "abc", "ba"])
ends = st.sampled_from(["SUCCESS", "SUCCESS", "FAILURE", "CANCEL", "IN_PROGRESS"])


def _sent(state: str) -> str:
    """Give the state that was sent: of several tasks of a press, each has a number behind it."""
    return state.partition("::")[0]


class BrokenError(AssertionError):
    """Something that must hold does not."""


class Attack(RuleBasedStateMachine):
    """One course."""

    def __init__(self) -> None:
        super().__init__()
        COUNTS["courses"] += 1
        self.clock = Clock()
        self.gateway = Gateway(self.clock)
        self.gateway.tasks[PARENT] = Remote(PARENT, "a parent", None, START, "SUCCESS")
        self.cells: list[Cell] = []
        self.failed: Counter[str] = Counter()
        self._patch()

    def _patch(self) -> None:
        """Let workers have the clock of the attack."""
        for module in (deferring, polling, run_module):
            module.time = self.clock  # type: ignore[assignment]
        run_module.Submitter = partial(  # type: ignore[assignment,misc]
            Submitter, now=self.clock.time, sleep=self.clock.sleep
        )

    @initialize(
        ahead=st.sampled_from([0.0, 0.0, -600.0, 3600.0]),
        opens=mostly,
        tells=mostly,
        pace=st.sampled_from([0, 1, 3]),
        busy=st.booleans(),
        family=st.sampled_from(["list", "list", "log"]),
        makes=st.sampled_from([1, 2, 4]),
        copies_after=st.sampled_from([0.0, 15.0, 40.0]),
    )
    def gateway_is(
        self,
        ahead: float,
        opens: bool,
        tells: bool,
        pace: int,
        busy: bool,
        family: str,
        makes: int,
        copies_after: float,
    ) -> None:
        gateway = self.gateway
        gateway.ahead, gateway.pace, gateway.is_busy, gateway.makes = ahead, pace, busy, makes
        gateway.opens_windows, gateway.tells_windows = opens, tells
        gateway.doubles = makes == 2
        if family == "log":
            gateway.lie, gateway.log_lie, gateway.copies_after = Lie.NO_LIST, LogLie.HONEST, copies_after
            gateway.log.append((self.clock.now, gateway.add("of old", "theirs", "SUCCESS").id))
        self.clock.now += 100_000
        gateway.remember()

    @precondition(lambda self: len(self.cells) < 3)
    @rule(
        kind=kinds,
        switches=st.tuples(*[st.booleans()] * 3),
        letter=letters,
        letters=several,
        post=posts,
        death=deaths,
    )
    def an_author_writes_a_task(
        self, kind: str, switches: tuple[bool, ...], letter: str, letters: str, post: Post, death: Any
    ) -> None:
        text, (waits, renews, has_answer) = letters if kind == "inside" else letter, switches
        cell = Cell(len(self.cells), kind, text, waits=waits, renews=renews, has_answer=has_answer)
        self.cells.append(cell)
        self._attempt(cell, [post], death)

    @precondition(lambda self: any(cell.retries_by_itself for cell in self.cells))
    @rule(
        data=st.data(), posts=st.lists(posts, max_size=2), death=deaths, fails=st.integers(0, 3), gone=nights
    )
    def airflow_retries(self, data: Any, posts: list[Post], death: Any, fails: int, gone: bool) -> None:
        cell = data.draw(st.sampled_from([one for one in self.cells if one.retries_by_itself]))
        if gone:
            cell.inputs_are_gone = True
            self.the_gateway_finishes_all()
        self._attempt(cell, posts, death, fails)

    @precondition(lambda self: self.cells)
    @rule(
        data=st.data(),
        change=st.none() | letters,
        posts=st.lists(posts, max_size=1),
        death=deaths,
        fails=st.integers(0, 3),
    )
    def a_person_clears(
        self, data: Any, change: str | None, posts: list[Post], death: Any, fails: int
    ) -> None:
        cell = data.draw(st.sampled_from(self.cells))
        if change and cell.kind != "inside":
            cell.letters = change
        cell.has_answer = True
        cell.clear()
        self._attempt(cell, posts, death, fails)

    @precondition(lambda self: self.cells)
    @rule(data=st.data(), letter=letters, what=st.sampled_from(["edit", "edit", "inputs", "storage"]))
    def something_changes(self, data: Any, letter: str, what: str) -> None:
        cell = data.draw(st.sampled_from(self.cells))
        if what == "edit" and cell.kind == "own":
            cell.letters = letter
        elif what == "inputs":
            cell.inputs_are_gone = not cell.inputs_are_gone
        elif what == "storage":
            cell.store.is_gone = cell.store.text is not None

    @rule(lie=st.sampled_from([Lie.HONEST, *Lie]), is_kept=st.booleans())
    def the_list_is(self, lie: Lie, is_kept: bool) -> None:
        self.gateway.lie = lie
        if is_kept:
            self.gateway.remember()

    @rule(lie=st.sampled_from([LogLie.HONEST, LogLie.HONEST, *LogLie]))
    def the_log_is(self, lie: LogLie) -> None:
        if self.gateway.log_lie is not LogLie.NO_LOG:
            self.gateway.log_lie = lie

    @rule(
        whose=st.sampled_from(["ours, running", "ours, finished", "a stranger's", "with a mark like ours"]),
        many=st.sampled_from([1, 1, 1, 30, 1000]),
    )
    def others_draw(self, whose: str, many: int) -> None:
        state = None
        if whose.startswith("ours"):
            state = mark(self.clock.now, "another", len(self.gateway.tasks))
        if whose.startswith("with"):
            marks = [task.state for task in self.gateway.tasks.values() if task.state and task.tag]
            state = f"{marks[-1]}{many}" if marks else None
        status = "IN_PROGRESS" if whose.endswith("running") else "SUCCESS"
        # They leave many rows in a log, and a list would only be slower for it.
        for _ in range(many if self.gateway.log_lie is not LogLie.NO_LOG else 1):
            task = self.gateway.add(whose, state, status)
            self.gateway.log.append((self.clock.now, task.id))
        self.clock.now += 10

    @precondition(lambda self: self._open())
    @rule(data=st.data(), status=ends)
    def the_gateway_works(self, data: Any, status: str) -> None:
        task = data.draw(st.sampled_from(self._open()))
        if task.status != "MODAL":
            task.status = status
        self.failed[task.tag] += task.status in ("FAILURE", "CANCEL")

    @rule(really=nights)
    def the_gateway_is_restarted(self, really: bool) -> None:
        if really:
            self.failed.update(task.tag for task in self.gateway.tasks.values())
            self.gateway.restart()

    @rule()
    def the_gateway_finishes_all(self) -> None:
        for task in self._open():
            if task.status != "MODAL":
                task.status = "SUCCESS"

    @precondition(lambda self: any(task.status == "MODAL" for task in self.gateway.tasks.values()))
    @rule(data=st.data(), status=st.sampled_from(["IN_PROGRESS", "SUCCESS"]), clears=st.booleans())
    def a_person_answers_a_window(self, data: Any, status: str, clears: bool) -> None:
        task = data.draw(
            st.sampled_from([one for one in self.gateway.tasks.values() if one.status == "MODAL"])
        )
        task.is_answered_by_person, task.status = True, status
        cell = next(one for one in self.cells if task.tag.startswith(f"wish{one.number}"))
        if clears:
            cell.has_answer = True
            cell.clear()
            self._attempt(cell, [])

    @rule(seconds=st.sampled_from([1.0, 30.0, 400.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        self.gateway.work()

    def _open(self) -> list[Any]:
        return [task for task in self.gateway.tasks.values() if task.status not in FINISHED and task.tag]

    def _attempt(self, cell: Cell, posts: list[Post], death: Any = None, fails: int = 0) -> None:
        COUNTS["tries"] += 1
        cell.store.begin(death, fails)
        cell.build_seconds = BUILDS[len(self.gateway.tasks) % len(BUILDS)]
        written = list(cell.store.records)
        self.gateway.another_worker = lambda: self._attempt(cell, [])
        end = cell.attempt(self.gateway, posts)
        self._judge(cell, end, written)

    def _judge(self, cell: Cell, end: End, written: list[dict[str, Any]]) -> None:
        for result in end.results:
            for one in result if isinstance(result, list) else [result]:
                self._check_is_ours(cell, one)
        if end.error is not None and not end.is_dead:
            self._check_names_what_is_paid(cell, end, written)
        if end.is_unknown:
            self._check_nobody_can_know(cell, end, written)
        if end.error is None and cell.kind == "press" and not cell.waits:
            self._check_is_answered(cell, end)
        self._check_what_is_finished_is_collected(cell, end, written)

    def _check_is_ours(self, cell: Cell, result: Any) -> None:
        task = self.gateway.told(result if isinstance(result, str) else result["id"])
        if task.tag not in {cell.tag(letter) for letter in cell.round}:
            # A retry takes up what its round has submitted, whatever has been edited meanwhile.
            raise BrokenError(f"{cell} has got {task}, which is another's picture")
        if not isinstance(result, str) and tag_of(result) != task.tag:
            raise BrokenError(f"{result} is not {task}")

    def _check_names_what_is_paid(self, cell: Cell, end: End, written: list[dict[str, Any]]) -> None:
        ours = [one for one in written if one.get("round") == cell.max_tries]
        # The first try of a round is about what was asked for in the same words before.
        known = [one for record in ours or written for one in record.get("mj_task_ids", ())]
        known = known if ours else [one for one in known if self.gateway.told(one).tag in cell.tags]
        if known and cell.kind != "inside" and not any(one in end.told for one in known):
            raise BrokenError(f"{end.error!r} of {cell} names none of {known}")

    def _check_nobody_can_know(self, cell: Cell, end: End, written: list[dict[str, Any]]) -> None:
        is_listed = self.gateway.lie in (Lie.HONEST, Lie.PREFIXED)
        logged = {mj_task_id for _, mj_task_id in self.gateway.log[-1000:]}
        if cell.kind == "inside" or self.gateway.late or not (is_listed or self._is_logged()):
            return
        for record in cell.store.records:
            there = [t for t in self.gateway.tasks.values() if t.state and _sent(t.state) == record["state"]]
            there = [t for t in there if is_listed or t.id in logged]
            if there and not record.get("mj_task_ids") and record.get("round") == cell.max_tries:
                raise BrokenError(f"{cell} is unknown, and {there} is in an honest list")

    def _is_logged(self) -> bool:
        return self.gateway.lie is Lie.NO_LIST and self.gateway.log_lie is LogLie.HONEST

    def _check_is_answered(self, cell: Cell, end: End) -> None:
        for one in (
            one for result in end.results for one in ([result] if isinstance(result, str) else result)
        ):
            if self.gateway.told(one).status == "MODAL" and self.gateway.tells_windows:
                raise BrokenError(f"{cell} has ended well, and its window waits for ever")

    def _check_what_is_finished_is_collected(
        self, cell: Cell, end: End, written: list[dict[str, Any]]
    ) -> None:
        ours = [one for one in written if one.get("round") == cell.max_tries and one.get("mj_task_ids")]
        if cell.kind == "inside" or end.is_dead or len(ours) != 1 or cell.store.is_gone:
            return
        tasks = [self.gateway.told(one) for one in ours[0]["mj_task_ids"]]
        is_there = all(task.id in self.gateway.tasks and task.status == "SUCCESS" for task in tasks)
        if is_there and end.error is not None:
            raise BrokenError(f"{tasks} are written down and finished, and {cell} ended as {end.error!r}")

    @invariant()
    def charges_never_exceed_wishes(self) -> None:
        COUNTS["steps"] += 1
        for cell in self.cells:
            for letter in set(cell.asked):
                tag = cell.tag(letter)
                allowed = cell.asked.count(letter) + (self.failed[tag] if cell.renews else 0)
                if self.gateway.charged[tag] > allowed:
                    raise BrokenError(
                        f"{tag} is charged {self.gateway.charged[tag]} times, and may be {allowed}"
                    )

    @invariant()
    def a_window_is_answered_once(self) -> None:
        for task in self.gateway.tasks.values():
            if task.confirmations > 1 or task.is_answered_again:
                raise BrokenError(f"{task} was answered {task.confirmations} times")
