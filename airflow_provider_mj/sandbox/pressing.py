"""Pressing a button, by its ``customId`` or by what it does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .answers import Reason, RefusedError
from .conditions import Condition, check_channel
from .course import Shape
from .orders import pressed
from .prompts import read_prompt

if TYPE_CHECKING:
    from .course import SandboxTask
    from .gateway import SandboxGateway
    from .press import Press


@dataclass(frozen=True, slots=True)
class Pressed:
    """What became of a press.

    :param ids: the tasks that it made; some buttons start several
    :param is_repeat: whether they were there before, because it was made before
    """

    ids: tuple[str, ...]
    is_repeat: bool = False


def press_button(
    gateway: SandboxGateway, mj_task_id: str, custom_id: str, state: str | None, *, remix: bool
) -> Pressed:
    """Press a button of a finished task.

    :param gateway: the gateway
    :param mj_task_id: the task whose button it is
    :param custom_id: the button's `customId`
    :param state: the caller's own text
    :param remix: whether the caller wants Remix for this press
    :return: what became of it
    :raises RefusedError: if the task is unknown or unfinished, or has no such button
    """
    if not gateway.dialect.takes.match(custom_id):
        raise RefusedError(Reason.UNKNOWN_ACTION, custom_id[:200])
    parent = gateway.finished(mj_task_id)
    press = next((press for press in gateway.presses(parent) if press.custom_id == custom_id), None)
    if press is None:
        raise RefusedError(Reason.BAD_PARAMETER, "the task has no such button")
    return _press(gateway, parent, press, state, remix=remix)


def change(
    gateway: SandboxGateway, mj_task_id: str, action: str, index: int | None, state: str | None
) -> Pressed:
    """Press one of the nine buttons of a grid, named by what it does.

    :param gateway: the gateway
    :param mj_task_id: the task whose grid it is
    :param action: ``UPSCALE``, ``VARIATION`` or ``REROLL``
    :param index: the quarter, 1 to 4; of no meaning for a reroll
    :param state: the caller's own text
    :return: what became of it
    :raises RefusedError: if the task is unknown or unfinished, or has no grid
    """
    parent = gateway.finished(mj_task_id)
    wanted = (action, None if action == "REROLL" else index)
    press = next((one for one in gateway.presses(parent) if (one.action, one.quarter) == wanted), None)
    if parent.shape is not Shape.GRID or press is None:
        raise RefusedError(Reason.BAD_PARAMETER, "关联任务不允许执行变化")
    return _press(gateway, parent, press, state, remix=False)


def _press(
    gateway: SandboxGateway, parent: SandboxTask, press: Press, state: str | None, *, remix: bool
) -> Pressed:
    known = gateway.pressed.get((parent.mj_task_id, press.custom_id))
    if known is not None and Condition.REPEATS_KNOWN in gateway.conditions:
        if gateway.dialect.is_relay:
            gateway.charge(gateway.tasks[known], press.action)
        return Pressed((known,), is_repeat=True)
    if press.action == "REROLL" and gateway.dialect.reroll_keeps_action:
        press = replace(press, action=parent.action)
    text = read_prompt(parent.prompt).text
    states = gateway.dialect.numbers_states
    orders = pressed(parent, text, press, state, remix=remix or gateway.remix, numbers_states=states)
    with gateway.lock:
        check_channel(gateway.conditions)
        gateway.check_user()
        gateway.check_room(len(orders))
        made = tuple(gateway.enter(order) for order in orders)
        gateway.pressed[parent.mj_task_id, press.custom_id] = made[0]
    return Pressed(made)
