"""The ways to save that are compared. Each gets the links of pictures and an empty folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_TIMEOUT = 60.0
_PIECE, _SMALL_PIECE = 65536, 8192
_QUARTERS = 4

Saver = Callable[[Sequence[str], Path], None]


def connection(url: str) -> dict[str, str]:
    """Give the environment variable of the Airflow connection that the operator reads.

    :param url: address of the host, which stands for the gateway.
    """
    value = {"conn_type": "mj", "host": url, "password": "bench-key-0000"}
    extra = {"allow_private_image_hosts": True}
    return {"AIRFLOW_CONN_MJ_DEFAULT": json.dumps(value | {"extra": extra})}


def operator(urls: Sequence[str], folder: Path) -> None:
    """Save with MJSaveImagesOperator, each picture as it comes."""
    _execute([_task(number, url, []) for number, url in enumerate(urls)], folder, split="never")


def operator_quarters(urls: Sequence[str], folder: Path) -> None:
    """Save with MJSaveImagesOperator, each grid as its quarters."""
    buttons = [
        {"customId": f"MJ::JOB::upsample::{number}::a3c1f9d2", "label": f"U{number}", "type": 2}
        for number in range(1, _QUARTERS + 1)
    ]
    _execute([_task(number, url, buttons) for number, url in enumerate(urls)], folder, split="auto")


def get_loop(urls: Sequence[str], folder: Path, piece: int = _PIECE) -> None:
    """Save with `requests.get` in a loop: no checks but of the status, no checksum, no history."""
    import requests

    _loop(requests.get, urls, folder, piece)


def get_loop_small(urls: Sequence[str], folder: Path) -> None:
    """Save with the same loop in pieces of 8 KiB, as many examples have it."""
    get_loop(urls, folder, _SMALL_PIECE)


def session_loop(urls: Sequence[str], folder: Path) -> None:
    """Save with the same loop and one session, which keeps its connection."""
    import requests

    with requests.Session() as session:
        _loop(session.get, urls, folder, _PIECE)


def get_whole(urls: Sequence[str], folder: Path) -> None:
    """Save with the shortest loop there is, which holds a picture whole."""
    import requests

    for number, url in enumerate(urls):
        response = requests.get(url, timeout=_TIMEOUT)
        response.raise_for_status()
        _file(folder, number).write_bytes(response.content)


def _loop(get: Callable[..., Any], urls: Sequence[str], folder: Path, piece: int) -> None:
    for number, url in enumerate(urls):
        with get(url, stream=True, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            with _file(folder, number).open("wb") as file:
                for chunk in response.iter_content(piece):
                    file.write(chunk)


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number}.png"


def _execute(tasks: list[dict[str, Any]], folder: Path, split: str) -> None:
    from airflow_provider_mj.operators.mj import MJSaveImagesOperator

    saving = MJSaveImagesOperator(task_id="save", task=tasks, destination=str(folder), split=split)
    saving.execute({})


def _task(number: int, url: str, buttons: list[dict[str, Any]]) -> dict[str, Any]:
    """Give a finished task as it stands in XCom."""
    return {
        "id": f"{1709123456000000 + number}",
        "action": "IMAGINE" if buttons else "UPSCALE",
        "status": "SUCCESS",
        "prompt": "a lighthouse on a basalt cliff at dusk, long exposure of the sea --ar 1:1",
        "imageUrl": url,
        "buttons": buttons,
        "properties": {"finalPrompt": "a lighthouse on a basalt cliff at dusk"},
    }


OURS, LOOP, QUARTERS = "MJSaveImagesOperator", "requests.get, 64 KiB", "MJSaveImagesOperator, quarters"
SAVERS: dict[str, Saver] = {
    OURS: operator,
    LOOP: get_loop,
    "requests.get, 8 KiB": get_loop_small,
    "requests.get, whole": get_whole,
    "requests.Session, 64 KiB": session_loop,
    QUARTERS: operator_quarters,
}
