"""The shared poll loop, with a clock that it moves itself and a gateway that is a function."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from world import DONE, INTERVAL, RUNNING, World, down, outcomes, run, until

from airflow_provider_mj.gateway.errors import GatewayBusyError
from airflow_provider_mj.gateway.ids import LIST_CHUNK
from airflow_provider_mj.gateway.task import Task
from airflow_provider_mj.gateway.waiting import GoOn, Outcome, Seen, Stop
from airflow_provider_mj.triggers.poller import Subscription


def test_the_first_look_comes_one_interval_later_and_the_others_in_step():
    world = World(until(30))
    stops, _ = run(world, "17")
    assert outcomes(stops) == {"17": "success"}
    assert INTERVAL <= world.times[0] <= INTERVAL * 1.2
    steps = [later - earlier for earlier, later in pairwise(world.times)]
    assert steps == [pytest.approx(INTERVAL)] * len(steps)
    assert len(steps) >= 4


def test_progress_is_news_when_it_changes():
    shown = [Task(id="17", status="IN_PROGRESS", progress=percent) for percent in (10, 10, 10, 50, 50)]
    world = World(lambda _, now: shown.pop(0) if shown else DONE)
    _, steps = run(world, "17")
    assert [step.line[-4:] for step in steps] == ["10 %", "50 %"]


def test_all_waiters_share_each_request():
    world = World(until(20))

    async def many() -> None:
        await asyncio.gather(*(world.follow(str(number % 30)) for number in range(60)))

    asyncio.run(many())
    assert all(sorted(ids) == sorted({*ids}) for _, ids in world.asked)
    assert {len(ids) for _, ids in world.asked} == {30}
    assert len(world.asked) == 4


def test_many_ids_are_asked_in_chunks():
    world = World(until(0))
    ids = [str(number) for number in range(450)]
    stops, _ = run(world, *ids)
    assert len(stops) == 450
    assert sorted(len(asked) for _, asked in world.asked) == [50, LIST_CHUNK, LIST_CHUNK]


def test_a_newcomer_is_not_looked_at_too_soon_and_a_quicker_one_wakes_the_loop():
    world = World(until(50))

    async def story() -> None:
        slow = asyncio.create_task(world.follow("slow", interval=40.0))
        await asyncio.sleep(0)
        quick = asyncio.create_task(world.follow("quick", interval=INTERVAL))
        await asyncio.gather(slow, quick)

    asyncio.run(story())
    assert INTERVAL <= world.times[0] <= INTERVAL * 1.2
    assert all(when >= 40 for when, ids in world.asked if "slow" in ids)


def test_an_outage_of_ten_minutes_slows_the_loop_down_and_ends_nothing():
    world = World(lambda _, now: down() if 60 <= now < 660 else until(700)("", now))
    stops, steps = run(world, "17")
    assert outcomes(stops) == {"17": "success"}
    errors = [step for step in steps if step.is_error]
    assert 35 <= len(errors) <= 41
    assert all("the wait goes on" in step.line for step in errors)
    outage = [when for when in world.times if 60 <= when < 660]
    assert outage[5] - outage[4] == pytest.approx(INTERVAL * 3)


def test_a_part_that_fails_leaves_the_others_alone():
    ids = [str(number) for number in range(LIST_CHUNK + 1)]
    world = World(lambda one, now: down() if one == ids[-1] and now < 30 else until(20)(one, now))
    stops, steps = run(world, *ids)
    assert set(outcomes(stops).values()) == {"success"}
    assert sum(step.is_error for step in steps) >= 4
    together = [when for when in world.times if when < 25]
    assert {round(later - earlier) for earlier, later in pairwise(together)} == {0, 5}


def test_retry_after_holds_for_the_whole_loop():
    ids = [str(number) for number in range(LIST_CHUNK * 3)]
    busy = down(GatewayBusyError, retry_after=100.0)
    world = World(lambda _, now: busy if now < 20 else DONE)
    stops, _ = run(world, *ids)
    assert set(outcomes(stops).values()) == {"success"}
    first, later = [when for when in world.times if when < 20], [when for when in world.times if when >= 20]
    # What was under way when the answer came is not called back.
    assert 1 <= len(first) <= 3
    assert min(later) >= 105


def test_an_id_that_a_list_leaves_out_at_times_is_not_asked_for_by_itself():
    shown = iter([None, None, RUNNING] * 20)
    world = World(lambda _, now: next(shown) if now < 200 else DONE)
    stops, _ = run(world, "17")
    assert outcomes(stops) == {"17": "success"}
    assert world.fetched == []


def test_an_id_that_only_the_list_does_not_know_goes_on():
    world = World(lambda *_: None, alone=until(100))
    stops, _ = run(world, "17")
    assert outcomes(stops) == {"17": "success"}
    assert world.times[-1] >= 100


def test_each_wait_has_its_own_deadline():
    world = World(until(99999))

    async def story() -> list[tuple[dict[str, Stop], list[GoOn]]]:
        return await asyncio.gather(world.follow("17", timeout=62.0), world.follow("18", timeout=93.0))

    (first, _), (second, _) = asyncio.run(story())
    assert outcomes(first | second) == {"17": "timeout", "18": "timeout"}
    assert "after 62 s" in first["17"].message
    assert "after 93 s" in second["18"].message


def test_a_deadline_holds_while_the_gateway_asks_for_patience():
    world = World(lambda *_: down(GatewayBusyError, retry_after=5000.0))
    stops, _ = run(world, "17", timeout=60.0)
    assert outcomes(stops) == {"17": "timeout"}
    assert "after 60 s" in stops["17"].message
    assert len(world.asked) == 1


def test_the_loop_ends_with_the_last_waiter_and_begins_again():
    world = World(until(20))

    async def story() -> None:
        first = asyncio.create_task(world.follow("17"))
        await world.follow("18", timeout=10.0)
        assert not world.is_forgotten
        await first
        assert world.is_forgotten
        assert world.is_closed
        assert outcomes((await world.follow("19"))[0]) == {"19": "success"}

    asyncio.run(story())


def test_a_waiter_that_leaves_takes_nobody_with_it():
    world = World(until(60))

    async def story() -> None:
        leaving = asyncio.create_task(world.follow("17"))
        staying = asyncio.create_task(world.follow("18"))
        while not world.asked:
            await asyncio.sleep(0)
        leaving.cancel()
        assert outcomes((await staying)[0]) == {"18": "success"}
        assert leaving.cancelled()

    asyncio.run(story())
    assert world.asked[-1][1] == ["18"]


def test_a_defect_is_no_end_of_other_waits(caplog):
    def see(one: str, now: float) -> Seen:
        if now < 20:
            raise ZeroDivisionError
        return DONE

    world = World(see)
    stops, _ = run(world, "17")
    assert outcomes(stops) == {"17": "success"}


def test_a_loop_that_breaks_down_tells_everybody():
    world = World(until(20))

    async def broken(seconds: float) -> None:
        raise ZeroDivisionError

    world.poller._pause = broken

    async def story() -> None:
        with pytest.raises(RuntimeError, match="broke down"):
            await world.follow("17")

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_subscription_keeps_the_newest_step_until_it_is_taken():
    async def story() -> None:
        subscription = Subscription(World(until(1)).wait(), ["17"], due_at=0.0, leave=lambda _: None)
        subscription.put({"17": GoOn(1.0, "a")})
        subscription.put({"17": Stop(Outcome.SUCCESS, "b")})
        assert await subscription.next() == {"17": Stop(Outcome.SUCCESS, "b")}
        assert not subscription.open_ids

    asyncio.run(story())
