"""The example bodies of the three gateways' documents, through hook, sensor and operator."""

from __future__ import annotations

import json

import pytest
from fakes import context

from airflow_provider_mj.hooks.mj import MJHook
from airflow_provider_mj.operators.mj import MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor

GATEWAYS = [
    ("gptplus5_fetch", "https://az.gptplus5.com", {}, "Bearer sk-document-key"),
    ("sku_vip_fetch", "https://openapi.sku.vip", {"auth_scheme": "raw"}, "sk-document-key"),
    ("crazyrouter_finished", "https://crazyrouter.com", {}, "Bearer sk-document-key"),
]


@pytest.fixture(params=GATEWAYS, ids=lambda one: one[0])
def documented(request, document, gateway, monkeypatch):
    name, host, extra, header = request.param
    value = {"conn_type": "mj", "host": host, "password": "sk-document-key", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))
    body = document(name)
    gateway.get(f"{host}/mj/task/{body['id']}/fetch", json=body)
    gateway.post(f"{host}/mj/task/list-by-condition", json=[body])
    yield body
    assert all(call.request.headers["Authorization"] == header for call in gateway.calls)
    assert gateway.calls


def test_hook(documented):
    task = MJHook().get_task(documented["id"])
    assert task.status == "SUCCESS"
    assert MJHook().get_tasks([documented["id"]]) == {documented["id"]: task}


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_sensor(documented, mode, rescheduled):
    sensor = MJTaskSensor(task_id="wait", mj_task_id=documented["id"], mode=mode)
    task = sensor.execute(rescheduled())
    assert (task["id"], task["imageUrl"]) == (documented["id"], documented["imageUrl"])
    assert json.loads(json.dumps(task)) == task


def test_operator(documented):
    given = context()
    task = MJTaskResultOperator(task_id="result", mj_task_id=documented["id"]).execute(given)
    assert given["ti"].xcoms["imageUrl"] == documented["imageUrl"]
    pressed = [button["customId"] for button in given["ti"].xcoms["buttons"]]
    assert pressed == [button["customId"] for button in documented["buttons"]]
    assert task["buttons"] == given["ti"].xcoms["buttons"]


def test_crazyrouters_running_task_and_list(document, gateway, monkeypatch, rescheduled):
    value = {"conn_type": "mj", "host": "https://crazyrouter.com", "password": "sk-document-key"}
    monkeypatch.setenv("AIRFLOW_CONN_MJ_DEFAULT", json.dumps(value))
    running = document("crazyrouter_running")
    gateway.get(f"https://crazyrouter.com/mj/task/{running['id']}/fetch", json=running)
    gateway.post("https://crazyrouter.com/mj/task/list-by-condition", json=document("crazyrouter_list"))
    assert MJTaskSensor(task_id="wait", mj_task_id=running["id"], mode="poke").poke(context()) is False
    found = MJHook().get_tasks(["task_1234567890", "task_0987654321", "task_0"])
    assert {one: (task.status, task.progress) for one, task in found.items()} == {
        "task_1234567890": ("SUCCESS", 100),
        "task_0987654321": ("IN_PROGRESS", 40),
    }
