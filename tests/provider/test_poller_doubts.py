"""Ends that cost a picture, in the shared poll loop: believed once they were seen often enough."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from world import DONE, RUNNING, START, See, World, down, outcomes, run, until

from airflow_provider_mj.gateway.errors import GatewayError, TaskNotFoundError, UnauthorizedError
from airflow_provider_mj.gateway.ids import LIST_CHUNK

if TYPE_CHECKING:
    from airflow_provider_mj.gateway.waiting import GoOn, Seen, Stop


def of_task(kind: type[GatewayError]) -> See:
    """Give what a fetch says of each task."""
    return lambda one, _: kind("it broke", gateway="gw.example", mj_task_id=one)


def refused_list(_: str, __: float) -> Seen:
    return down(UnauthorizedError)


MANY = [str(number) for number in range(LIST_CHUNK * 2 + 50)]


def test_a_key_that_stays_refused_ends_every_wait_and_is_asked_for_with_one_fetch_each_time():
    world = World(refused_list, of_task(UnauthorizedError))
    stops, steps = run(world, *MANY)
    assert set(outcomes(stops).values()) == {"unauthorized"}
    assert all(f"task {one} " in stop.message.lower() for one, stop in stops.items())
    assert all(step.is_error for step in steps)
    # Only the first round asks for lists; what they meant, and whether it stays so, one fetch each tells.
    assert len(world.asked) <= 3
    assert len(world.fetched) <= 3 + 3
    assert world.now - START - world.times[0] >= 30


def test_a_gateway_without_a_list_is_asked_for_one_task_while_the_key_is_refused():
    world = World(of_task(UnauthorizedError))
    stops, _ = run(world, *MANY)
    assert set(outcomes(stops).values()) == {"unauthorized"}
    assert len(world.asked) <= 3
    assert len(world.fetched) <= 2 + 3


@pytest.mark.parametrize("alone", [of_task(UnauthorizedError), until(0), lambda *_: down()])
def test_a_key_that_is_refused_for_a_moment_ends_no_wait(alone):
    # A look at the list, and one at a task; the next comes three intervals later.
    world = World(
        lambda one, now: refused_list(one, now) if now < 20 else until(60)(one, now),
        lambda one, now: alone(one, now) if now < 20 else until(60)(one, now),
    )
    stops, steps = run(world, "17", "18")
    assert set(outcomes(stops).values()) == {"success"}
    assert any(step.is_error for step in steps)


def test_a_key_that_is_refused_now_and_then_ends_no_wait():
    flapping = of_task(UnauthorizedError)
    world = World(
        lambda one, now: down(UnauthorizedError) if int(now) // 20 % 2 else until(600)(one, now),
        lambda one, now: flapping(one, now) if int(now) // 20 % 2 else until(600)(one, now),
    )
    stops, _ = run(world, "17", "18")
    assert set(outcomes(stops).values()) == {"success"}


def test_a_list_that_is_refused_to_a_key_that_may_ask_for_tasks_ends_no_wait():
    world = World(lambda one, now: down(UnauthorizedError) if now < 300 else DONE, until(400))
    stops, _ = run(world, "17", "18")
    assert set(outcomes(stops).values()) == {"success"}


def test_whoever_comes_while_the_key_is_refused_counts_for_himself():
    world = World(
        lambda one, now: refused_list(one, now) if now < 55 else DONE,
        lambda one, now: of_task(UnauthorizedError)(one, now) if now < 55 else DONE,
    )

    async def story() -> list[tuple[dict[str, Stop], list[GoOn]]]:
        first = asyncio.create_task(world.follow("17"))
        while world.now < START + 30:
            await asyncio.sleep(0)
        return await asyncio.gather(first, world.follow("18"))

    (early, _), (late, _) = asyncio.run(story())
    assert outcomes(early | late) == {"17": "unauthorized", "18": "success"}


def test_a_deadline_while_the_key_is_refused_is_a_timeout():
    world = World(refused_list, of_task(UnauthorizedError))
    assert outcomes(run(world, "17", timeout=25.0)[0]) == {"17": "timeout"}


def test_an_id_that_stays_missing_is_asked_for_three_times_by_itself():
    world = World(lambda *_: None, alone=of_task(TaskNotFoundError))
    stops, _ = run(world, "17")
    assert outcomes(stops) == {"17": "not_found"}
    assert world.fetched == ["17"] * 3
    # The grace, three misses, and half a minute.
    assert 60 <= world.times[-1] <= 85


@pytest.mark.parametrize("between", [RUNNING, down()])
def test_an_id_that_is_unknown_now_and_then_goes_on(between):
    seen = [of_task(TaskNotFoundError)("17", 0.0)] * 2 + [between]
    world = World(lambda *_: None, alone=lambda _, now: seen[len(world.fetched) % 3] if now < 400 else DONE)
    stops, _ = run(world, "17")
    assert outcomes(stops) == {"17": "success"}


def test_a_gateway_that_forgot_everything_is_not_flooded():
    world = World(lambda *_: None, alone=of_task(TaskNotFoundError))
    stops, _ = run(world, *(str(number) for number in range(35)))
    assert set(outcomes(stops).values()) == {"not_found"}
    assert len(world.fetched) == 35 * 3
    # Ten for each list request, and an id is asked for again after three of them.
    assert len([when for when in world.times if when >= 40]) <= 20
