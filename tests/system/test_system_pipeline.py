from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tools.example import DAG_ID, TASKS

if TYPE_CHECKING:
    from airflow_provider_mj.sandbox import SandboxServer
    from tools.airflow_instance import AirflowInstance

    from .conftest import Story

TASK_FIELDS = {
    *("id", "action", "status", "prompt", "promptEn", "description", "state"),
    *("submitTime", "startTime", "finishTime", "progress"),
    *("imageUrl", "imageUrls", "videoUrl", "videoUrls", "imageUrlExpiresAt", "failReason"),
    *("buttons", "seed", "cost", "properties"),
}


def test_every_task_of_the_example_ends_well_at_the_first_try(airflow: AirflowInstance, story: Story) -> None:
    last = story.looks[-1].tasks
    logs = {name: airflow.task_log(DAG_ID, story.run_id, name)[-3000:] for name in TASKS}
    assert story.state == "success", logs
    assert {name: (task.state, task.try_number) for name, task in last.items()} == dict.fromkeys(
        TASKS, ("success", 1)
    )


def test_the_sensor_leaves_its_worker_between_pokes(story: Story) -> None:
    away = [look for look in story.looks if look.sensor.state == "up_for_reschedule"]
    assert any(look.slots == 0 and not look.sensor_alive for look in away)


def test_each_poke_is_a_process_of_its_own(story: Story) -> None:
    processes = {look.sensor.pid for look in story.looks} - {None}
    assert len(processes) >= 2


def test_xcom_of_the_sensor_is_the_task(story: Story) -> None:
    task = story.xcom("wait")
    assert isinstance(task, dict)
    assert set(task) == TASK_FIELDS
    assert (task["status"], task["progress"], task["failReason"]) == ("SUCCESS", 100, None)


def test_result_publishes_the_picture_and_the_buttons(story: Story, sandbox: SandboxServer) -> None:
    task = story.xcom("result")
    assert isinstance(task, dict)
    assert task == story.xcom("wait")
    assert story.xcom("result", "imageUrl") == task["imageUrl"]
    assert story.xcom("result", "buttons") == task["buttons"]
    assert task["imageUrl"].startswith(sandbox.url)
    assert {"U1", "U2", "U3", "U4", "V1", "V2", "V3", "V4"} <= {button["label"] for button in task["buttons"]}


def test_the_downstream_task_uses_the_files_and_a_button(story: Story, pictures: Path) -> None:
    picked = story.xcom("pick")
    assert isinstance(picked, dict)
    assert picked["button"]["label"] == "U2"
    assert len(picked["files"]) == 4
    for file in picked["files"]:
        saved = Path(file.removeprefix("file://"))
        assert saved.parent == pictures
        with Image.open(saved) as picture:
            picture.load()
            assert (picture.format, picture.width) == ("PNG", picture.height)


def test_one_run_is_charged_once(story: Story, sandbox: SandboxServer) -> None:
    assert story.state == "success"
    assert len(sandbox.gateway.ledger.charges) == 1


@pytest.mark.parametrize("task_id", TASKS)
def test_no_log_has_the_key(
    airflow: AirflowInstance, sandbox: SandboxServer, story: Story, task_id: str
) -> None:
    log = airflow.task_log(DAG_ID, story.run_id, task_id)
    assert task_id in log
    assert sandbox.gateway.key not in log
