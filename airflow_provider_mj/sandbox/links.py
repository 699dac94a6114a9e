"""Links to pictures, signed and short-lived like Discord's."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .course import SandboxTask

_SLUG_LIMIT = 40
"""Characters of the prompt that a file's name has."""
# Without bounds, each underscore of a long name would be a new place to look for the UUID from.
_FILE = re.compile(
    rf"/attachments/[0-9]{{1,20}}+/[0-9]{{1,20}}+/(?:sandbox_\w{{1,{_SLUG_LIMIT}}}_)?"
    r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:(_grid_0)|_(?:clip|copy)_([0-3])|_quarter_([1-4]))?+\.(?:png|gif)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The picture that a link names.

    :param job: the task's job UUID
    :param preview: whether it is the blurred preview of an unfinished task
    :param clip: which of the task's clips it is, from 0; None for the picture
    :param quarter: which quarter of the picture at full size it is, 1 to 4; None for the picture
    """

    job: str
    preview: bool
    clip: int | None = None
    quarter: int | None = None


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Makes and checks links.

    :param secret: what the signature is made with
    :param lifetime: how long a link is good for, seconds
    """

    secret: bytes
    lifetime: float

    def link(
        self,
        task: SandboxTask,
        issued_at: float,
        *,
        preview: bool = False,
        clip: int | None = None,
        quarter: int | None = None,
        is_copy: bool = False,
    ) -> str:
        """Return path and query of the link to a task's picture.

        :param task: the task
        :param issued_at: when the picture came to be, unix seconds
        :param preview: link to the preview instead
        :param clip: link to this one of its clips instead, from 0
        :param quarter: link to this quarter of it at full size instead, 1 to 4
        :param is_copy: link to a copy of the clip under another name
        """
        if clip is not None:
            path = _clip_path(task, clip, "copy" if is_copy else "clip")
        elif quarter is not None:
            path = _quarter_path(task, quarter)
        else:
            path = _preview_path(task) if preview else _picture_path(task)
        issued, expires = f"{int(issued_at):x}", f"{int(issued_at + self.lifetime):x}"
        return f"{path}?ex={expires}&is={issued}&hm={self._sign(path, expires, issued)}&"

    def check(self, path: str, query: Mapping[str, str], now: float) -> Wanted | None:
        """Return which picture a link names, or None if it is not a link of ours or has expired.

        :param path: the path of the request
        :param query: its query parameters
        :param now: unix seconds
        """
        expires, issued, signature = (query.get(name, "") for name in ("ex", "is", "hm"))
        genuine = self._sign(path, expires, issued)
        file = _FILE.fullmatch(path)
        if file is None or not hmac.compare_digest(genuine.encode(), signature.encode("utf-8", "replace")):
            return None
        if now >= int(expires, 16):
            return None
        return Wanted(file[1], file[2] is not None, _number(file[3]), _number(file[4]))

    def _sign(self, path: str, expires: str, issued: str) -> str:
        message = "\n".join((path, expires, issued)).encode("utf-8", "replace")
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()


def _folder(task: SandboxTask) -> str:
    digest = int.from_bytes(hashlib.sha256(task.job.encode()).digest()[:8])
    return f"/attachments/1300842274347028520/{10**18 + digest % (9 * 10**18)}"


def _picture_path(task: SandboxTask) -> str:
    text = task.picture.text[: 10 * _SLUG_LIMIT]
    words = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in text).split()
    slug = "_".join(words)[:_SLUG_LIMIT].strip("_") or "picture"
    return f"{_folder(task)}/sandbox_{slug}_{task.job}.png"


def _clip_path(task: SandboxTask, clip: int, kind: str) -> str:
    return f"{_folder(task)}/{task.job}_{kind}_{clip}.gif"


def _quarter_path(task: SandboxTask, quarter: int) -> str:
    return f"{_folder(task)}/{task.job}_quarter_{quarter}.png"


def _preview_path(task: SandboxTask) -> str:
    return f"{_folder(task)}/{task.job}_grid_0.png"


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)
