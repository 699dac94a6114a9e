"""Calls a running sandbox; shared by the tests in this folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from airflow_provider_mj.sandbox import ManualClock, SandboxServer

KEY = "sandbox-key-1234"
PNG = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
NOW = 1_730_621_826.0
AUTH = {
    "bearer": {"Authorization": f"Bearer {KEY}"},
    "raw": {"Authorization": KEY},
    "mj-api-secret": {"mj-api-secret": KEY},
}
BUTTON_DIALECTS = ("gptplus5", "sku-vip", "crazyrouter", "trueai")


@dataclass
class Caller:
    """Calls a running sandbox as a gateway's user would."""

    sandbox: SandboxServer
    clock: ManualClock

    @property
    def auth(self) -> dict[str, str]:
        return AUTH[self.sandbox.gateway.dialect.auth_scheme]

    def request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        headers = self.auth | kwargs.pop("headers", {})
        return requests.request(method, self.sandbox.url + path, headers=headers, timeout=10, **kwargs)

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> requests.Response:
        return self.request("POST", path, **kwargs)

    def fetch(self, mj_task_id: str) -> requests.Response:
        return self.get(f"/mj/task/{mj_task_id}/fetch")

    def list(self, *ids: Any) -> requests.Response:
        return self.post("/mj/task/list-by-condition", json={"ids": list(ids)})

    def imagine(self, prompt: str, **fields: Any) -> requests.Response:
        return self.post("/mj/submit/imagine", json={"prompt": prompt, **fields})

    def submit(self, action: str, /, **body: Any) -> requests.Response:
        path = "insight-face/swap" if action == "swap" else f"submit/{action}"
        return self.post(f"/mj/{path}", json=body)

    def press(self, mj_task_id: str, custom_id: str, **body: Any) -> requests.Response:
        """Press the first button whose `customId` begins as said."""
        task = self.fetch(mj_task_id).json()
        known = [button["customId"] for button in task["buttons"]]
        found = next((one for one in known if one.startswith(custom_id)), custom_id)
        return self.submit("action", taskId=mj_task_id, customId=found, **body)

    def ended(self, answer: requests.Response, seconds: float = 8) -> dict[str, Any]:
        """Return the task that a submission made, when its time is over."""
        self.clock.advance(seconds)
        task: dict[str, Any] = self.fetch(answer.json()["result"]).json()
        return task

    def single(self) -> str:
        """Return the id of a finished single picture."""
        mj_task_id: str = self.ended(self.press(self.finished()["id"], "MJ::JOB::upsample::2"))["id"]
        return mj_task_id

    @property
    def charged(self) -> list[str]:
        """The actions that were charged."""
        return [charge.action for charge in self.sandbox.gateway.ledger.charges]

    def finished(self, prompt: str = "a red fox") -> dict[str, Any]:
        mj_task_id = self.sandbox.gateway.submit(prompt)
        self.clock.advance(8)
        task: dict[str, Any] = self.fetch(mj_task_id).json()
        assert task["status"] == "SUCCESS"
        return task


def speaking(*cases: Any) -> Any:
    """Parametrize by (dialect, expectation ...)."""
    names = ["speaking", *(f"expected{n or ''}" for n in range(len(cases[0]) - 1))]
    return pytest.mark.parametrize(names, cases, indirect=["speaking"])
