"""Pictures under a relay's own host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_mj.sandbox import Condition

if TYPE_CHECKING:
    from sandbox_caller import Caller

RELAY = pytest.mark.parametrize("speaking", ["gptplus5", "crazyrouter"], indirect=True)


@RELAY
@pytest.mark.parametrize(
    ("condition", "open_to_all", "with_the_key"),
    [
        (Condition.IMAGES_FORWARDED, 200, 200),
        (Condition.IMAGES_BLOCKED, 403, 403),
        (Condition.IMAGES_PROTECTED, 401, 200),
    ],
)
def test_pictures_under_the_gateways_own_host(
    speaking: Caller, condition: Condition, open_to_all: int, with_the_key: int
) -> None:
    speaking.sandbox.gateway.conditions.add(condition)
    task = speaking.finished()
    assert task["imageUrl"] == f"{speaking.sandbox.url}/mj/image/{task['id']}"
    bare = requests.get(task["imageUrl"], timeout=10)
    keyed = requests.get(task["imageUrl"], headers=speaking.auth, timeout=10)
    assert (bare.status_code, keyed.status_code) == (open_to_all, with_the_key)
    if keyed.status_code == 200:
        assert keyed.content[:4] == b"\x89PNG"
    if open_to_all == 403:
        assert bare.json()["error"].startswith("request blocked: ")


@RELAY
def test_a_relay_that_does_not_know_its_own_address_gives_a_path(speaking: Caller) -> None:
    speaking.sandbox.gateway.conditions.add(Condition.IMAGES_AT_PATHS)
    task = speaking.finished()
    assert task["imageUrl"] == f"/mj/image/{task['id']}"
    assert requests.get(speaking.sandbox.url + task["imageUrl"], timeout=10).status_code == 200


@RELAY
def test_a_forwarded_picture_dies_with_its_link(speaking: Caller) -> None:
    url = f"{speaking.sandbox.url}/mj/image"
    mj_task_id = speaking.imagine("a fox").json()["result"]
    assert requests.get(f"{url}/{mj_task_id}", timeout=10).status_code == 500
    unknown = requests.get(f"{url}/404404", timeout=10)
    assert (unknown.status_code, unknown.json()) == (400, {"error": "midjourney_task_not_found"})
    speaking.clock.advance(86400 + 8)
    gone = requests.get(f"{url}/{mj_task_id}", timeout=10)
    assert (gone.status_code, gone.json()) == (404, {"error": "This content is no longer available."})
