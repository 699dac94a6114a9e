"""A gateway that sends back the key that it was given, and signed links, wherever and however it can.

What it does is said in the prompt or in the id of a task: the name of a kind out of `SUBMITS`, `READS` or
`DEATHS`, and after a tilde the number of the spelling in which it writes the key.
"""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SLOW_LOOKS = 7
"""Looks that a task of the kind `slow` takes; some of them fail."""

# How a text is written that must not be seen.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "literal": lambda text: text,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON with \\/": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON of JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "\\u00xx": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "\\u00xx for some": lambda text: re.sub(r"[^\w-]", lambda char: f"\\u{ord(char[0]):04X}", text),
    "percent": lambda text: quote(text, safe=""),
    "percent, lower case": lambda text: re.sub("%..", lambda at: at[0].lower(), quote(text, safe="")),
    "percent with +": quote_plus,
    "percent, slashes kept": quote,
    "double percent": lambda text: quote(quote(text, safe=""), safe=""),
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML, hexadecimal": lambda text: re.sub(r"[^\w-]", lambda char: f"&#x{ord(char[0]):x};", text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "repr": lambda text: repr(text)[1:-1],
}
NAMES = tuple(SPELLINGS)


@dataclass(frozen=True)
class Reply:
    """What is sent.

    :param status: the HTTP status; 0 for a connection that is reset.
    :param body: the body.
    :param headers: headers besides the length.
    :param short_by: bytes that the body is shorter than its header says.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    short_by: int = 0


def told(body: Any, status: int = 200, **headers: str) -> Reply:
    text = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status, text, {"Content-Type": "application/json", **headers})


def code(number: object, description: str, status: int = 200, **more: object) -> Reply:
    return told({"code": number, "description": description, **more}, status)


def error(message: str, status: int, **headers: str) -> Reply:
    return told({"error": {"message": message, "type": "new_api_error", "code": message}}, status, **headers)


def page(text: str, status: int = 200) -> Reply:
    body = f"<!doctype html><html><title>{text}</title><a href='/?key={text}'>{text}</a></html>"
    return Reply(status, body.encode(), {"Content-Type": f"text/html; charset={text[:40]}"})


def escaped(text: str, status: int = 200, **body: object) -> Reply:
    """Tell JSON in which every character of the text is written as an escape; it decodes to the text."""
    spelt = "".join(rf"\u{ord(char):04x}" for char in text)
    return Reply(status, json.dumps({**body, "description": "?"}).replace('"?"', f'"{spelt}"').encode())


# From what the key is spelt like to the reply to a submission.
SUBMITS: dict[str, Callable[[str], Reply]] = {
    "401": lambda text: error(f"{text} is no valid token", 401),
    "403-reason": lambda text: error(f"{text} may not", 403),
    "403-page": lambda text: page(text, 403),
    "403-empty": lambda text: Reply(403, b"", {"X-Key": text}),
    "404": lambda text: told({"message": f"{text}: no such route"}, 404),
    "413": lambda text: Reply(413, text.encode(), {"Content-Type": text}),
    "418": lambda text: Reply(418, text.encode()),
    "500": lambda text: error(f"panic at {text}", 500),
    "502-page": lambda text: page(text, 502),
    "503-channel": lambda text: error(f"no available channel for {text}", 503),
    "redirect": lambda text: Reply(302, b"", {"Location": f"/{text}/{quote(text)}?key={text}#{text}"}),
    "page": page,
    "garbage": lambda text: Reply(200, f'{{"id": {text}'.encode(), {"Content-Type": "application/json"}),
    "empty": lambda text: Reply(200, b"", {"Content-Type": text}),
    "text": told,
    "cut": lambda text: Reply(200, f'{{"description": "{text}'.encode(), short_by=9),
    "reset": lambda _text: Reply(0),
    "code-0": lambda text: code(0, text),
    "code-1-no-id": lambda text: code(1, text),
    "code-3": lambda text: code(3, f"{text} 无可用的账号实例"),
    "code-3-parent": lambda text: code(3, f"{text} task_not_found", 404),
    "code-4": lambda text: code(4, text, 400),
    "code-4-escaped": lambda text: escaped(text, 400, code=4),
    "code-4-quota": lambda text: code(4, f"{text} quota_not_enough", 400),
    "code-4-lost": lambda text: code(4, f"{text} insert_midjourney_task_failed", 400),
    "code-5": lambda text: code(5, f"do_request_failed {text}", 400),
    "code-9": lambda text: code(9, text),
    "code-24": lambda text: code(24, text, properties={"bannedWord": text, "promptEn": text}),
    "code-unknown": lambda text: code(77, text),
    "success-false": lambda text: told({"success": False, "code": -1, "message": text}),
    "message": lambda text: told({"message": text, "msg": text, "error": text}, 400),
}
# Full queues are waited for, so they take their time.
QUEUES: dict[str, Callable[[str], Reply]] = {
    "429": lambda text: error(text, 429, **{"Retry-After": text}),
    "code-23": lambda text: code(23, text),
    "code-30": lambda text: code(30, text, 429),
}
STATUSES: dict[str, dict[str, str]] = {
    "failure": {"status": "FAILURE", "failReason": "{}"},
    "banned": {"status": "FAILURE", "failReason": "Banned prompt {}"},
    "cancel": {"status": "CANCEL", "failReason": "{}"},
    "modal": {"status": "MODAL", "failReason": "{}"},
    "unknown": {"status": "{}", "progress": "{}"},
}
"""How the tasks of some kinds end, ``{}`` being the key."""
READS: dict[str, Callable[[str], Reply]] = {
    **{name: SUBMITS[name] for name in ("401", "403-reason", "403-page", "403-empty", "418", "redirect")},
    **{name: SUBMITS[name] for name in ("page", "garbage", "empty", "text", "code-4-escaped", "message")},
    "404": lambda text: code(4, f"task_no_found {text}", 404),
    "list": lambda text: told([{"id": text, "status": text}]),
    "no-task": lambda text: told({"id": None, "failReason": text}),
}
# These are asked for several times before they are believed.
OUTAGES: dict[str, Callable[[str], Reply]] = {
    "429": QUEUES["429"],
    "500": SUBMITS["500"],
    "503-page": lambda text: page(text, 503),
    "cut": SUBMITS["cut"],
    "reset": SUBMITS["reset"],
}
# How the picture of a task dies.
DEATHS: dict[str, Callable[[str, str], Reply]] = {
    "gone": lambda key, _link: Reply(404, f"no {key}".encode()),
    "forbidden": lambda key, _link: page(key, 403),
    "expired": lambda key, _link: Reply(200, b"This content is no longer available."),
    "moved": lambda _key, link: Reply(302, b"", {"Location": link}),
    "moved-away": lambda _key, link: Reply(301, b"", {"Location": link.replace("http:", "ftp:", 1)}),
    "page": lambda key, _link: page(key),
    "broken": lambda key, _link: Reply(200, PNG[:20] + key.encode(), {"Content-Type": key}),
    "cut": lambda _key, _link: Reply(200, PNG[:30], {"Content-Type": "image/png"}, short_by=len(PNG)),
    "reset": lambda _key, _link: Reply(0),
    "large": lambda _key, _link: Reply(200, b"", {"Content-Type": "image/png"}, short_by=2**40),
    "coded": lambda key, _link: Reply(200, PNG, {"Content-Encoding": key}),
}


class EchoingGateway:
    """The gateway, as a context manager.

    :ivar link_secrets: what the links are signed with, in a task's own fields, by the place they are sent in.
    :ivar met: how often each kind was met.
    """

    def __init__(self) -> None:
        places = ("picture", "dead picture", "words", "properties", "redirect", "input")
        self.link_secrets = {place: secrets.token_hex(32) for place in places}
        self.met: Counter[str] = Counter()
        self._looks: Counter[str] = Counter()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def link(self, place: str, name: str = "picture.png") -> str:
        """Return a signed link as Discord's."""
        secret = self.link_secrets[place]
        query = f"ex=6a100000&is=6a000000&hm={secret}&token={secret[:40]}&"
        return f"{self.url}/attachments/130/140/{name}?{query}"

    def reply(self, method: str, path: str, key: str, body: dict[str, Any]) -> Reply:
        """Return what a request is answered with."""
        part = path.rpartition("/mj/")[2]
        if path.startswith("/refusing/"):
            return self._kind("refusing", "code-4", SUBMITS, key, "0")
        if part.startswith(("submit/", "insight-face/")):
            return self._submitted(part, key, body)
        if part == "task/list-by-condition":
            return self._listed([str(one) for one in body.get("ids", [])], key)
        if found := re.fullmatch(r"task/([^/]+)/(\w[\w-]*)", part):
            return self._about(found[1], found[2], key)
        return error(f"no route {key} {self.link('words')}", 404)

    def picture(self, path: str, key: str) -> Reply:
        """Return a picture, or what has become of it."""
        name = path.rpartition("/")[2]
        if not name.startswith("dead-"):
            return Reply(200, PNG, {"Content-Type": "image/png"})
        kind = name.removeprefix("dead-").removesuffix(".png")
        self.met[f"picture {kind}"] += 1
        return DEATHS[kind](key, self.link("redirect", "dead-gone.png"))

    def _submitted(self, part: str, key: str, body: dict[str, Any]) -> Reply:
        if "upload" in part:
            self.met["upload"] += 1
            return code(1, key, result=[self.link("picture", "uploaded.png"), f"{self.url}/{quote(key)}.png"])
        if "describe" in part:
            self.met["describe"] += 1
            return code(4, f"can't load {self.link('words')} {key}", 400)
        kind, spelling = _wish(str(body.get("prompt") or body.get("customId")))
        if kind in SUBMITS or kind in QUEUES:
            return self._kind("submit", kind, SUBMITS | QUEUES, key, spelling)
        self.met[f"submit {kind}"] += 1
        text = _spelt(key, "0")
        if kind == "window":
            return code(21, f"Waiting for window confirm {text}", result="modal", properties={"x": text})
        if kind == "id-with-the-key":
            return code(1, text, result=f"17{key}")
        return code(1, text, result="slow" if kind == "slow" else "good", properties={"x": text})

    def _listed(self, ids: list[str], key: str) -> Reply:
        rows = [self._look(one, key) for one in ids]
        failed = next((row for row in rows if isinstance(row, Reply)), None)
        return failed or told(rows)

    def _about(self, mj_task_id: str, call: str, key: str) -> Reply:
        if call != "fetch":
            return self._kind(call, "code-4", SUBMITS, key, "0")
        seen = self._look(unquote(mj_task_id), key)
        return seen if isinstance(seen, Reply) else told(seen)

    def _look(self, mj_task_id: str, key: str) -> Reply | dict[str, Any]:
        kind, spelling = _wish(mj_task_id)
        if kind in READS or kind in OUTAGES:
            return self._kind("read", kind, READS | OUTAGES, key, spelling)
        self.met[f"read {kind}"] += 1
        if kind in STATUSES:
            text = f"{_spelt(key, spelling)} {self.link('words')}"
            return self._task(mj_task_id, key) | {
                name: value.format(text) for name, value in STATUSES[kind].items()
            }
        return self._slow(mj_task_id, key) if kind == "slow" else self._task(mj_task_id, key)

    def _slow(self, mj_task_id: str, key: str) -> Reply | dict[str, Any]:
        self._looks[mj_task_id] += 1
        looks, text = self._looks[mj_task_id], _spelt(key, str(self._looks[mj_task_id]))
        failures = {3: "500", 4: "page", 5: "garbage"}
        if looks in failures:
            return self._kind("wait", failures[looks], READS | OUTAGES, key, str(looks))
        running = {"status": f"WORD {text}", "progress": f"{looks}% {text}"}
        return self._task(mj_task_id, key) | (running if looks < SLOW_LOOKS else {})

    def _kind(
        self, ask: str, kind: str, kinds: dict[str, Callable[[str], Reply]], key: str, spelling: str
    ) -> Reply:
        self.met[f"{ask} {kind}"] += 1
        return kinds[kind](_spelt(key, spelling))

    def _task(self, mj_task_id: str, key: str) -> dict[str, Any]:
        """Return a finished task with the key in every field, and signed links in those that have links."""
        every = " | ".join(spell(key) for spell in SPELLINGS.values())
        kind = mj_task_id.removeprefix("dead-") if mj_task_id.startswith("dead-") else ""
        place, name = ("dead picture", f"dead-{kind}.png") if kind else ("picture", "picture.png")
        links = {"imageUrl": self.link(place, name)}
        if not kind:
            links |= {
                "imageUrls": [{"url": self.link(place, f"{n}.png")} for n in range(4)],
                "mirrorUrl": f"{self.url}/{quote(key, safe='')}/{key}.png?key={quote_plus(key)}",
            }
        if mj_task_id == "key-in-link":
            links = {"imageUrl": f"{self.url}/attachments/{quote(key, safe='')}.png?key={quote_plus(key)}"}
        buttons = [
            {"customId": f"MJ::JOB::upsample::{n}::abc", "label": f"U{n}", "emoji": key} for n in range(1, 5)
        ]
        return {
            "id": mj_task_id,
            "action": "IMAGINE",
            "status": "SUCCESS",
            "progress": "100%",
            "submitTime": 1_790_000_000_000,
            **dict.fromkeys(("prompt", "promptEn", "description", "state", "seed", "failReason"), every),
            **links,
            "buttons": [*buttons, {"customId": f"MJ::{key}::{every[:99]}", "label": key, "emoji": every}],
            "properties": {
                "finalPrompt": f"{every} {self.link('words')}",
                "nested": [{key: every, "thumbnailUrl": self.link("properties")}],
                f"{quote(key)}": key,
            },
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a client may leave when it has seen enough."""


class _Handler(BaseHTTPRequestHandler):
    gateway: EchoingGateway
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, *_arguments: Any) -> None:
        """Print nothing."""

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        key = str(self.headers.get("Authorization") or "no key").removeprefix("Bearer ")
        if path.startswith("/attachments/"):
            self._send(self.gateway.picture(path, key))
        else:
            body = json.loads(raw or b"{}")
            self._send(self.gateway.reply(self.command, path, key, body))

    def _send(self, reply: Reply) -> None:
        self.close_connection = reply.short_by > 0 or reply.status == 0
        if reply.status == 0:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body) + reply.short_by))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)


def _wish(text: str) -> tuple[str, str]:
    kind, _, spelling = text.partition("~")
    return kind.strip(), spelling.strip() or "0"


def _spelt(key: str, spelling: str) -> str:
    number = int(spelling) if spelling.isdecimal() else 0
    return SPELLINGS[NAMES[number % len(NAMES)]](key)
