"""Calls a running sandbox; shared by the tests in this folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from airflow_provider_mj.sandbox import ManualClock, SandboxServer

KEY = "sandbox-key-1234"
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
