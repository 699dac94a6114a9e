"""The hostile answers that operators, sensor, trigger and saver are driven through."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hostile_texts import KEY, SIGNED
from scripted_gateway import PNG, http

TASK: dict[str, Any] = {
    "id": "17",
    "action": "IMAGINE",
    "status": "SUCCESS",
    "prompt": "a fox",
    "promptEn": "1️⃣ a fox\n\n2️⃣ a red fox",
    "submitTime": 1_709_123_456_000,
    "progress": "100%",
    "imageUrl": "{gateway}/picture/0.png",
    "buttons": [
        {"customId": f"MJ::JOB::upsample::{number}::3785da15-4f70", "label": f"U{number}", "type": 2}
        for number in range(1, 5)
    ],
    "properties": {"finalPrompt": "a fox"},
}
TAKEN = {"code": 1, "description": "Submit success", "result": "17", "properties": {}}
LINES = "DONE\n[2026-01-01] {taskinstance.py} INFO - Marking task as SUCCESS\x1b[2J\u2028\u202e"
_ESCAPED_KEY = json.dumps(KEY).replace("/", "\\/").replace("&", "\\u0026")
_CONNECTION = {"conn_id": "a", "conn_type": "http", "host": "evil.example"}
_LINKS = [f"{{gateway}}/picture/{number}.png" for number in range(1500)]
_BUTTONS = [{"customId": "a"}] * 350_000


def _nest(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


FIELDS: dict[str, dict[str, Any]] = {
    "status with line ends": {"status": LINES},
    "status of 1 MB": {"status": "x" * 1_000_000},
    "status is a list": {"status": ["SUCCESS"]},
    "status is an object": {"status": {"__type": "dict", "__var": 1}},
    "status is null": {"status": None},
    "progress with many blanks": {"status": "IN_PROGRESS", "progress": "1" + " " * 20_000 + "x"},
    "progress is an object": {"progress": {"a": 5}},
    "link is a path": {"imageUrl": "/etc/passwd", "imageUrls": ["/etc/passwd", "../x"]},
    "link is a file": {"imageUrl": "file:///etc/passwd", "videoUrl": "s3://bucket/key"},
    "link with a broken host": {"imageUrl": "http://[::1@]x/", "imageUrls": [{"url": "http://["}]},
    "link with a broken port": {"imageUrl": "http://host:99999999/", "videoUrls": ["http://host:-1/"]},
    "link into this machine": {"imageUrl": "http://127.0.0.1:9/a.png"},
    "link is 2 MB of base64": {"imageUrl": "data:image/png;base64," + "iVBORw0K" * 250_000},
    "1,500 links": {"imageUrls": _LINKS},
    "1,500 videos": {"videoUrls": _LINKS},
    "350,000 buttons": {"buttons": _BUTTONS},
    "buttons with escape codes": {
        "buttons": [{"customId": f"MJ::{LINES}::upsample::2::a", "label": LINES}] * 4
    },
    "buttons are templates": {"buttons": [{"customId": "{{ 7*7 }}::upsample::2", "label": "U2"}]},
    "properties are a connection": {
        "properties": {"a": {"__type": "airflow.sdk.definitions.connection.Connection", "__var": _CONNECTION}}
    },
    "properties name a class": {
        "properties": {"a": {"__classname__": "no.Such", "__version__": 1, "__data__": 1}}
    },
    "properties are deep": {"properties": _nest(60)},
    "properties are many": {"properties": {f"k{number}": "v" * 40 for number in range(60_000)}},
    "numbers over 64 bits": {
        "properties": {"a": 10**40},
        "seed": 10**400,
        "cost": 10**30,
        "submitTime": 10**30,
    },
    "prompts are templates": {
        "prompt": "{{ 7*7 }}",
        "promptEn": "{% for a in b %}",
        "state": "{{ conn.x.y }}",
    },
    "prompts of 3 MB": {"prompt": "a fox " * 500_000, "promptEn": "1. a\n\n" * 300_000},
    "surrogates and NULs": {"prompt": "a\ud800\0b", "properties": {"\ud800\0": "\udfff\0"}},
    "failure that shows the key": {"status": "FAILURE", "failReason": f"Bearer {KEY} is bad"},
    "failure with a signed link": {"status": "FAILURE", "failReason": f"see {SIGNED}"},
    "failure of 1 MB of lines": {"status": "FAILURE", "failReason": LINES * 15_000},
    "failure that is an object": {"status": "FAILURE", "failReason": {"a": ["b"]}},
    "cancelled with lines": {"status": "CANCEL", "failReason": LINES},
    "modal": {"status": "MODAL", "imageUrl": None, "buttons": []},
    "another id": {"id": "99"},
    "an id of lines": {"id": LINES},
    "an id of 5,000 signs": {"id": "1" * 5000},
}
"""What is put into an otherwise finished task."""

READS: dict[str, bytes] = {
    "a web page": http(b"<html><body>It works!</body></html>", Content_Type="text/html"),
    "a redirect with the key": http(b"", 302, Location=f"http://evil.example/{KEY}?a=1"),
    "a refused key": http({"error": {"message": f"Invalid token {KEY}", "type": "new_api_error"}}, 401),
    "no UTF-8": http(b'{"id":"17","status":"SUCC\xff\xfe\x00ESS","prompt":"\xc0\x80"}'),
    "8 MiB of lists": http(b"[" + b"[]," * 2_700_000 + b"[]]"),
    "a bomb": http(gzip.compress(b"[" * 60_000_000, mtime=0), Content_Encoding="gzip"),
    "a deep nest": http(b"[" * 200_000 + b"]" * 200_000),
    "a number": http(b"9" * 5000),
    "null": http(b"null"),
    "an error that shows the key": http(f'{{"error":{{"message":{_ESCAPED_KEY}}}}}'.encode(), 500),
    "an error of lines": http({"error": {"message": LINES * 100, "code": LINES}, "description": LINES}, 400),
    "an odd Retry-After": http(b"", 503, Retry_After="Wed, 1 Apr 10000 99999999999:1:1 GMT"),
    "half an answer": b'HTTP/1.1 200 x\r\nContent-Length: 5000\r\n\r\n{"id":"17","status":"SUC',
    "no HTTP": b"\x1b[2J\r\n\xff\xfe\r\n\r\n",
    "200 headers": b"HTTP/1.1 200 x\r\n" + b"X-A: b\r\n" * 200 + b"\r\n[]",
}
"""What is answered to every read."""

SUBMITS: dict[str, bytes] = {
    "no result": http({"code": 1, "description": "ok"}),
    "a path": http({**TAKEN, "result": ["/home/x/passport.png"]}),
    "a file": http({**TAKEN, "result": ["file:///etc/passwd", "s3://a/b"]}),
    "1,500 links": http({**TAKEN, "result": [f"https://cdn.example/{number}.png" for number in range(1500)]}),
    "a link with a broken host": http({**TAKEN, "result": ["http://[::1@]x/"]}),
    "a signed link": http({**TAKEN, "result": SIGNED}),
    "an id of lines": http({**TAKEN, "result": LINES}),
    "an id of 1 MB": http({**TAKEN, "result": "1" * 1_000_000}),
    "an id of 5,000 digits": http(b'{"code":1,"description":"ok","result":' + b"9" * 5000 + b"}"),
    "an id that is a template": http({**TAKEN, "result": "{{ 7*7 }}"}),
    "an id with a path": http({**TAKEN, "result": "../../admin?x=1#y"}),
    "20,000 ids": http({**TAKEN, "result": [str(number) for number in range(20_000)]}),
    "ids in one text": http({**TAKEN, "result": "17," * 100_000}),
    "a deep nest": http({**TAKEN, "result": _nest(300)}),
    "a connection": http({**TAKEN, "result": {"__type": "dict", "__var": _CONNECTION}}),
    "words with lines": http({**TAKEN, "result": "17", "description": LINES * 100}),
    "the key in its words": http({"code": 4, "description": f"{KEY} is bad", "result": None}),
    "properties of 4 MB": http({**TAKEN, "result": "17", "properties": {"a": "b" * 4_000_000}}),
    "code is an object": http({**TAKEN, "code": {"a": 1}}),
    "code over 64 bits": http({**TAKEN, "code": 10**30}),
    "a redirect": http(b"", 302, Location="http://evil.example/"),
    "a web page": http(b"<html>", Content_Type="text/html"),
    "a reset key": http({"error": {"message": LINES, "type": LINES, "code": LINES}}, 401),
    "no HTTP": b"\x1b[2J\r\n\xff\xfe\r\n\r\n",
    "a bomb": http(gzip.compress(b"[" * 60_000_000, mtime=0), Content_Encoding="gzip"),
}
"""What is answered to every submission."""

PICTURES: dict[str, bytes] = {
    "a web page": http(b"<html>", Content_Type="image/png"),
    "no whole picture": http(PNG[:40], Content_Type="image/png"),
    "a redirect to a file": http(b"", 302, Location="file:///etc/passwd"),
    "a redirect with a broken host": http(b"", 302, Location="http://[::1@]x/"),
    "a redirect to itself": http(b"", 302, Location="/picture/0.png"),
    "a bomb": http(gzip.compress(PNG + b"\0" * 90_000_000, mtime=0), Content_Encoding="gzip"),
    "a status of lines": b"HTTP/1.1 404 \x1b[2Jx\r\nContent-Type: \x1b[2J\r\nContent-Length: 0\r\n\r\n",
}
"""What is answered in the place of a picture."""
