"""What the internet can send in place of a picture: each row ends as it says, and nothing wrong is left."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from drawn import BUTTONS, FORMER, PICTURE, PNG_START, gif, grid, moving, png, saved, task, webp
from sites import HALF, KEY

from airflow_provider_mj.operators.mj import MJSaveImagesOperator

if TYPE_CHECKING:
    from sites import Site

PUBLIC = "93.184.216.34"
JPEG = saved(grid(), "JPEG")
PAGE = b"<!doctype html><title>This content is no longer here</title>"
GONE = b'{"error":"This content is no longer available."}'
PAST = "ex=60000000&is=5fffffff&hm=0&"
RECORD = b'{"id": "17"}\n'
GRID = {"buttons": BUTTONS}

REFUSED, RETRY, SAVED = "refused", "worth a retry", "saved"
OFF_LIMITS, GONE_FOR_GOOD = "not on the public internet", "the same dead link"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A hostile input.

    :param link: the link in the task; ``{images}`` and ``{gateway}`` are their addresses. None: ``body``.
    :param body: what its host answers, called ``called``.
    :param ends: how; ``says`` is in the message.
    :param anew: what the gateway tells when it is asked again: other links, a status, or the same task.
    :param fetches: how often it is asked.
    :param private: whether the connection allows private addresses.
    :param names: what names resolve to, one address after the other.
    :param saves: patterns of the files that are new or rewritten.
    """

    link: str | None = None
    body: bytes = b""
    called: str = "image/png"
    ends: str = REFUSED
    says: str = ""
    anew: tuple[str, ...] | int = ()
    fetches: int = 0
    private: bool = True
    names: dict[str, list[str]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    saves: tuple[str, ...] = ()


def outside(link: str, says: str = OFF_LIMITS, **names: str | list[str]) -> Row:
    spelled = {name.replace("_", "."): [to] if isinstance(to, str) else to for name, to in names.items()}
    return Row(link=link, says=says, private=False, names=spelled)


def content(body: bytes, says: str, **more: Any) -> Row:
    return Row(body=body, says=says, **more)


def dead(body: bytes, **more: Any) -> Row:
    return Row(body=body, says=GONE_FOR_GOOD, fetches=1, **more)


def kept(*names: str, **more: Any) -> Row:
    return Row(ends=SAVED, saves=names, **({"link": "{images}/picture"} | more))


def named(task_id: str, name: str, **more: Any) -> Row:
    return kept(name, more={"id": task_id} | more)


def unnamed(task_id: str) -> Row:
    """A task that no gateway could be asked for."""
    return Row(link="{images}/picture", more={"id": task_id}, says="can't be one")


ROWS = {
    # Where a link leads.
    "a file": Row(link="file:///etc/passwd", says="has no picture"),
    "ftp": Row(link="ftp://127.0.0.1/a.png", says="has no picture"),
    "gopher": Row(link="gopher://127.0.0.1:70/_x", says="has no picture"),
    "a data uri": Row(link="data:image/png;base64,iVBORw0KGgo=", says="has no picture"),
    "a script": Row(link="javascript:alert(1)", says="has no picture"),
    "no host": Row(link="http:///a.png", says="has no picture"),
    "half an address": Row(link="http://[::1/a.png", says="has no picture"),
    "a local port": outside("{images}/picture"),
    "localhost": outside("http://localhost:{port}/picture"),
    "a dot behind": outside("http://localhost.:{port}/picture"),
    "the number of a host": outside("http://2130706433:{port}/picture"),
    "a hex host": outside("http://0x7f000001:{port}/picture"),
    "an octal host": outside("http://0177.0.0.1:{port}/picture"),
    "a short host": outside("http://127.1:{port}/picture"),
    "zero": outside("http://0.0.0.0:{port}/picture"),
    "ipv6": outside("http://[::1]:{port}/picture"),
    "ipv4 in ipv6": outside("http://[::ffff:127.0.0.1]:{port}/picture"),
    "ipv4 in nat64": outside("http://[64:ff9b::7f00:1]/picture"),
    "circled digits": outside("http://①②⑦.⓪.⓪.①:{port}/picture", says="picture http"),
    "the cloud's metadata": outside("http://169.254.169.254/latest/meta-data/", says="never fetched"),
    "a private network": outside("http://10.1.2.3/a.png"),
    "multicast": outside("http://224.0.0.1/a.png"),
    "a name for this machine": outside("http://cdn.evil:{port}/picture", cdn_evil="127.0.0.1"),
    "a name for ipv6": outside("http://cdn.evil:{port}/picture", cdn_evil="::1"),
    "a name that changes": Row(
        link="http://cdn.evil:{port}/picture",
        names={"cdn.evil": [PUBLIC, "127.0.0.1"]},
        private=False,
        ends=RETRY,
        says="no connection",
    ),
    "a trusted name as user": outside("http://cdn.discordapp.com@127.0.0.1:{port}/picture"),
    "a redirect inside": outside("{gateway}/hidden/{images}/picture"),
    "a redirect to a file": outside("{gateway}/hidden/file:///etc/passwd", says="only http and https"),
    "a redirect with a password": outside(
        "{gateway}/hidden/http://u:p@{gateway_host}/picture", says="credentials"
    ),
    "a redirect to no address": outside("{gateway}/hidden/http://[/", says="no address"),
    "redirects without end": Row(link="{images}/hidden/{images}/hidden/", says="more than 5"),
    # What comes instead of a picture.
    "nothing": dead(b""),
    "a page": dead(PAGE),
    "a page called a page": dead(PAGE, called="text/html"),
    "an error in json": dead(GONE, called="application/json"),
    "an svg": dead(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", called="image/svg+xml"),
    "a program": dead(b"\x7fELF" + bytes(500)),
    "a pdf": dead(b"%PDF-1.7"),
    "an avif": dead(b"\0\0\0\x20ftypavif" + bytes(100), called="image/avif"),
    "a picture called a page": dead(PICTURE, called="text/html"),
    "one byte": dead(b"\x89"),
    "a page in a gif's clothes": content(b"GIF89a<script>alert(1)</script>;", "too many"),
    "only the signature": content(PNG_START, "broken"),
    "a bomb": content(png(60_000, 60_000), "too many"),
    "a bomb as a grid": content(png(60_000, 60_000), "too many", more=GRID),
    "a bomb as a gif": content(gif(65_535, 65_535), "too many"),
    "a bomb as a webp": content(webp(16_000_000, 16_000_000), "too many"),
    "a smaller bomb as a grid": content(png(9_000, 9_000, bytes(1000)), "too many", more=GRID),
    "a grid without its pixels": content(png(64, 64, b"few"), "broken", more=GRID),
    "a grid of one pixel": content(saved(grid(1, 1), "PNG"), "can't be cut", more=GRID),
    "no width": content(png(0, 64), "broken"),
    "too many bytes": content(PICTURE, "over 50 bytes", options={"max_bytes": 50}),
    "too many bytes by its header": Row(link="{images}/huge", says="over"),
    "no end": Row(link="{images}/endless", says="over 100000 bytes", options={"max_bytes": 100_000}),
    "half of its length": Row(link="{images}/part/told", ends=RETRY, says="broke off"),
    "half of its chunks": Row(link="{images}/part/chunked", ends=RETRY, says="broke off"),
    "half, and it does not say": Row(link="{images}/part/silent", ends=RETRY, says="in the middle"),
    "half of a jpeg": content(JPEG[: len(JPEG) // 2], "in the middle", ends=RETRY),
    "half of a grid": content(PICTURE[:HALF], "in the middle", ends=RETRY, more=GRID),
    "drop by drop": Row(link="{images}/drip", ends=RETRY, says="in time", options={"timeout": 0.3}),
    "packed": content(gzip.compress(PICTURE), "packs it", link="{images}/packed", ends=RETRY),
    # Dead and dying links.
    "403": Row(link="{images}/status/403", says=GONE_FOR_GOOD, fetches=1),
    "404": Row(link="{images}/status/404", says=GONE_FOR_GOOD, fetches=1),
    "410": Row(link="{images}/gone/410", says=GONE_FOR_GOOD, fetches=1),
    "200 that says it is gone": dead(GONE),
    "500": Row(link="{images}/status/500", ends=RETRY, says="answers 500"),
    "429": Row(link="{images}/status/429", ends=RETRY, says="answers 429"),
    "nobody listens": Row(link="http://127.0.0.1:9/a.png", ends=RETRY, says="no connection"),
    "no such host": Row(link="http://nowhere.invalid/a", ends=RETRY, says="not known here"),
    "expired, and no better one": Row(link="{images}/status/404?" + PAST, says="dead as well", fetches=1),
    "dead, and the new one too": Row(
        link="{images}/status/404", anew=("{images}/status/403",), says="dead as well", fetches=1
    ),
    "dead, and the new one a page": Row(
        link="{images}/status/404", anew=("{images}/page",), says="dead as well", fetches=1
    ),
    "dead, and the task forgotten": Row(
        link="{images}/status/404", anew=204, says="does not know the task", fetches=1
    ),
    "dead, and the gateway down": Row(
        link="{images}/status/404", anew=503, ends=RETRY, says="503", fetches=4
    ),
    "expired, with a new one": kept(
        "17_0.png", link="{images}/status/404?" + PAST, anew=("{images}/picture",), fetches=1
    ),
    "expired by its word, and alive": kept("17_0.png", link="{images}/picture?" + PAST, fetches=1),
    "dead, with a new one": kept(
        "17_0.png", link="{images}/status/404", anew=("{images}/picture",), fetches=1
    ),
    "dies at the second of two": kept(
        *("17_1.png", "17_2.png"),
        link="{images}/picture",
        more={"imageUrls": ["{images}/then/1", "{images}/then/404"]},
        anew=("{images}/picture?1", "{images}/picture?2"),
        fetches=1,
    ),
    # Tasks without a picture.
    "failed": Row(
        link="{images}/picture", more={"status": "FAILURE", "failReason": "x"}, says="FAILURE", fetches=1
    ),
    "a preview": Row(
        link="{images}/picture", more={"status": "IN_PROGRESS"}, ends=RETRY, says="wait", fetches=1
    ),
    # What is odd, and is a picture.
    "a jpeg called png": kept("17_0.jpg", link=None, body=JPEG),
    "a png called text": kept("17_0.png", link=None, body=PICTURE, called="text/plain"),
    "a film in place of a grid": kept(
        "17_0.mp4", link=None, body=b"\0\0\0\x20ftypisom" + bytes(90), more=GRID
    ),
    "a gif that moves in place of a grid": kept("17_0.gif", link=None, body=moving(), more=GRID),
    "a password in the link": kept("17_0.png", link="http://user:pw@{images_host}/picture"),
    "redirected to the gateway": kept("17_0.png", link="{gateway}/hidden/{gateway}/picture", private=False),
    # Names.
    "up and away": named("../../etc/passwd", "_.._etc_passwd=*_0.png"),
    "dots": unnamed(".."),
    "from the root": named("/etc/passwd", "_etc_passwd=*_0.png"),
    "windows": named("C:\\x", "C_x=*_0.png"),
    "hidden": named(".ssh", "ssh=*_0.png"),
    "a line break": unnamed("a\nb"),
    "long": named("9" * 256, "9999*=*_0.png"),
    "too long": unnamed("9" * 5000),
    "up and away by its action": kept(
        "_x_17_0.png", more={"action": "../x"}, options={"name": "{action}_{id}_{index}"}
    ),
}


@pytest.fixture
def former(folder: Path) -> dict[str, bytes]:
    """What an earlier run has saved."""
    folder.mkdir(parents=True)
    files = {"17_0.png": FORMER, "17_0.png.json": RECORD, "17_1.png": FORMER, "16_0.png": FORMER}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files


def found(folder: Path) -> dict[str, bytes]:
    """All files around the folder, by their path in it."""
    outer = folder.parent
    return {
        str(path.relative_to(folder) if path.is_relative_to(folder) else path): path.read_bytes()
        for path in outer.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let names resolve as a row says; no other is asked for outside."""
    genuine = socket.getaddrinfo

    def resolve(names: dict[str, list[str]]) -> None:
        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            queue = names.get(host)
            if not queue:
                if str(host).endswith(".invalid"):
                    raise socket.gaierror(socket.EAI_NONAME, "unknown")
                return genuine(host, port, *args, **kwargs)
            address = queue.pop(0) if len(queue) > 1 else queue[0]
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return resolve


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_each_hostile_input_ends_as_its_row_says(
    row, images, gateway, connect, folder, former, resolving, outside
):
    resolving({name: list(addresses) for name, addresses in row.names.items()})
    connect(gateway.url(""), allow_private_image_hosts=row.private)
    given = _task(row, images, gateway)
    operator = MJSaveImagesOperator(task_id="save", task=given, destination=str(folder), **row.options)

    message, result = "", []
    try:
        result = operator.execute({})
        end = SAVED
    except AirflowFailException as error:
        end, message = REFUSED, str(error)
    except RuntimeError as error:
        end, message = RETRY, str(error)

    assert (end, re.search(re.escape(row.says), message) is not None) == (row.ends, True), message
    assert gateway.fetches == row.fetches
    assert [host for host, _ in outside] == ([PUBLIC] if PUBLIC in str(row.names) else [])
    assert not re.search(r"[?&](ex|hm)=|pw@|sk-", message)
    assert not any(KEY in str(headers) for _, headers in images.asked)
    names = [Path(picture["uri"]).name for picture in result]
    assert len(names) == len(row.saves)
    assert all(map(fnmatch, names, row.saves)), names
    files = found(folder)
    new = {*names, *(f"{name}.json" for name in names)}
    assert files.keys() == former.keys() | new
    assert {name: files[name] for name in former.keys() - new} == {n: former[n] for n in former.keys() - new}
    for name, picture in zip(names, result, strict=True):
        assert hashlib.sha256(files[name]).hexdigest() == picture["sha256"]
        assert json.loads(files[f"{name}.json"])["sha256"] == picture["sha256"]


def _task(row: Row, images: Site, gateway: Site) -> dict[str, Any]:
    """Give the task of a row, and let the gateway tell it."""
    hosts = {"images": images, "gateway": gateway}

    def at(link: str) -> str:
        places = {name: site.url("").rstrip("/") for name, site in hosts.items()}
        return link.format(
            **places, images_host=images.host, gateway_host=gateway.host, port=images.server_address[1]
        )

    link = images.url(images.body(row.body, row.called)) if row.link is None else at(row.link)
    head, hidden, target = link.partition("/hidden/")
    images.elsewhere = gateway.elsewhere = target
    images.statuses = [200, 404, 404]
    more = {key: list(map(at, value)) if key == "imageUrls" else value for key, value in row.more.items()}
    given = task(head + hidden) | more
    if isinstance(row.anew, int):
        gateway.fetched = row.anew
    else:
        renewed = list(map(at, row.anew))
        gateway.fetched = given | ({"imageUrl": renewed[0], "imageUrls": renewed} if renewed else {})
    return given
