"""A gateway that does nothing but let tasks take their time: ``python -m benchmarks.gateway 1000/5``.

It parses just enough HTTP to be no bottleneck, and writes rows as long as those of a real gateway.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from http import HTTPStatus
from typing import Any

from benchmarks.scenario import WARM_UP_ID, Scenario

START, REPORT = "/bench/start", "/bench/report"
_BACKLOG = 4096
_SUBMITTED = 0.1
# Midjourney tells its progress as 0, 15, 31, 46, 62, 78, 93, 100 %.
_STEPS = 6.4
_JOB = "a3c1f9d2-5b7e-4c06-8f1d-2e9b64a7d035"
_PROMPT = (
    "a lighthouse on a basalt cliff at dusk, long exposure of the sea, volumetric light, "
    "35mm film grain, muted teal and amber palette --ar 16:9 --stylize 250 --v 6.1"
)
_PICTURE = (
    "https://cdn.discordapp.com/attachments/1138068164746129408/{id}/sample_{job}.png"
    "?ex=67a3f1c0&is=67a2a040&hm=2c7f0d1e9ab84563f0e1d2c3b4a5968778695a4b3c2d1e0f99887766554433ff&"
)


class Gateway:
    """The tasks, their course, and what was asked for.

    :param scenario: how many tasks there are and how long they take.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._durations = {WARM_UP_ID: 0.0} | scenario.durations
        self._scenario = scenario
        self._started_at = time.time()
        self._requests: Counter[str] = Counter()

    def answer(self, method: str, path: str, body: bytes) -> tuple[HTTPStatus, object]:
        """Answer a request.

        :returns: the HTTP status, and the JSON value of the body.
        """
        if path == START:
            self._started_at = time.time()
            self._requests.clear()
            return HTTPStatus.OK, {}
        if path == REPORT:
            return HTTPStatus.OK, self._report()
        self._requests[f"{method} {re.sub('[0-9]+', '{id}', path)}"] += 1
        if path == "/mj/task/list-by-condition":
            ids = dict.fromkeys(json.loads(body)["ids"])
            return HTTPStatus.OK, [
                self._row(mj_task_id) for mj_task_id in ids if mj_task_id in self._durations
            ]
        return self._about_one(path)

    def _about_one(self, path: str) -> tuple[HTTPStatus, object]:
        """Answer a fetch, or the question that an HTTP sensor can ask: is it there, yes or 404."""
        match = re.fullmatch(r"/mj/task/(\d+)/(fetch|result)", path)
        if match is None or match[1] not in self._durations:
            return HTTPStatus.NOT_FOUND, {"code": 4, "description": "task_no_found"}
        row = self._row(match[1])
        if match[2] == "result" and row["status"] != "SUCCESS":
            return HTTPStatus.NOT_FOUND, {"code": 4, "description": "not finished"}
        return HTTPStatus.OK, row

    def _report(self) -> dict[str, Any]:
        finished = {id_: self._started_at + seconds for id_, seconds in self._scenario.durations.items()}
        return {"requests": self._requests, "finished": finished}

    def _row(self, mj_task_id: str) -> dict[str, Any]:
        duration = self._durations[mj_task_id]
        share = 1.0 if not duration else min((time.time() - self._started_at) / duration, 1.0)
        done, running = share >= 1, share >= _SUBMITTED
        started_at = self._started_at + _SUBMITTED * duration
        return {
            "id": mj_task_id,
            "action": "IMAGINE",
            "status": "SUCCESS" if done else "IN_PROGRESS" if running else "SUBMITTED",
            "progress": "100%" if done else f"{int(share * _STEPS) / _STEPS * 100 // 1:.0f}%",
            "prompt": _PROMPT,
            "promptEn": _PROMPT,
            "description": "Submit success",
            "state": "4a9cf1e2d07b8e63",
            "submitTime": int(self._started_at * 1000),
            "startTime": int(started_at * 1000) if running else 0,
            "finishTime": int((self._started_at + duration) * 1000) if done else 0,
            "imageUrl": _PICTURE.format(id=mj_task_id, job=_JOB) if done else "",
            "failReason": "",
            "buttons": _BUTTONS if done else [],
            "properties": _PROPERTIES,
        }


class Exchange(asyncio.Protocol):
    """One connection, kept alive; a client waits for each answer before it asks again.

    :param gateway: what answers.
    :param delay: seconds from a request to its answer.
    """

    def __init__(self, gateway: Gateway, delay: float) -> None:
        self._gateway = gateway
        self._delay = delay
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write to."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer, once a request is whole."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not separator or len(body) < (int(length[1]) if length else 0):
            return
        self._received = b""
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        status, value = self._gateway.answer(method, path, body)
        asyncio.get_running_loop().call_later(self._delay, self._transport.write, _http(status, value))


def _http(status: HTTPStatus, value: object) -> bytes:
    body = json.dumps(value).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _button(name: str, label: str) -> dict[str, Any]:
    return {"customId": f"MJ::JOB::{name}::{_JOB}", "emoji": "", "label": label, "type": 2, "style": 2}


_BUTTONS = [
    *(_button(f"upsample::{number}", f"U{number}") for number in range(1, 5)),
    _button("reroll::0", "🔄"),
    *(_button(f"variation::{number}", f"V{number}") for number in range(1, 5)),
]
_PROPERTIES = {
    "finalPrompt": _PROMPT,
    "botType": "MID_JOURNEY",
    "nonce": "1817033462895415296",
    "discordInstanceId": "1138068164746129408",
    "messageId": "1212345678901234567",
    "flags": 0,
}


async def serve(scenario: Scenario) -> None:
    """Serve on a free port of this machine, whose number is printed, until the process is ended."""
    gateway = Gateway(scenario)
    server = await asyncio.get_running_loop().create_server(
        lambda: Exchange(gateway, scenario.answer), "127.0.0.1", 0, backlog=_BACKLOG
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Scenario.parse(sys.argv[1])))
