"""The five dialects, side by side: everything in which the gateways differ."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import refusals, rows, spending
from .answers import Answer

if TYPE_CHECKING:
    from .spending import LogWords

Accepts = Callable[[Mapping[str, str], str], bool]
"""From request headers and the key to whether the caller may pass."""

_ANY = re.compile("")
# What new-api can turn into an action of its own. Case matters to it, so `MJ::Job::` is unknown.
_NEW_API_TAKES = re.compile(
    r"MJ::(JOB::(upsample|variation|low_variation|high_variation|reroll|pan)|Inpaint|Outpaint|CustomZoom)"
)
_CS_TAKES = re.compile(
    r"MJ::(JOB::(upsample|variation|low_variation|high_variation|reroll|pan_|animate_|video_virtual_upscale)|Inpaint|Outpaint"
    r"|CustomZoom|Job::PicReader|Picread::Retry)"
)
_NEW_API_ACTIONS = {"UPSCALE_HD": "UPSCALE"}
_DISCORD_ACTIONS = {
    "LOW_VARIATION": "VARIATION",
    "HIGH_VARIATION": "VARIATION",
    "INPAINT": "VARIATION",
    "CUSTOM_ZOOM": "ZOOM",
}
_NEW_API_LACKS = frozenset({"task_list", "cancel"})
_JAVA_LACKS = frozenset(
    {"submit_action", "submit_modal", "submit_shorten", "submit_edits", "submit_video", "upload", "swap_face"}
    | {"image_seed", "cancel"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a family of gateways answers.

    :param name: its name on the command line
    :param software: what such gateways run
    :param auth_scheme: how a client sends the key: ``bearer``, ``raw`` or ``mj-api-secret``
    :param accepts: whether given headers carry the key
    :param unauthorized: the answer to those that do not
    :param prefixes: path prefixes; ``{mode}`` stands for one segment
    :param lacks: names of endpoints that it does not have
    :param id_prefix: what its task ids begin with
    :param short_hash: whether a `customId` carries a short hash, not the job's UUID
    :param has_modal: whether its tasks can be MODAL
    :param is_relay: whether it passes submissions on to another gateway, whose 21 (waits for a window) and 22
        (queued) it makes a 1, and which it can lose; and whether its key has a balance
    :param takes: which `customId` it takes
    :param actions: its words for actions, where they are not the sandbox's
    :param has_motion: whether pictures have buttons that animate them
    :param confirms_anew: whether the answer to a window makes another task
    :param queues_as_modal: whether a confirmed task stays MODAL while it is queued
    :param cancel_reason: the `failReason` of a cancelled task, which is a FAILURE then; None for CANCEL
    :param banned_reason: the `failReason` of a prompt that turns out to be banned
    :param reroll_keeps_action: whether a reroll has its parent's action
    :param list_limit: how many tasks the list of all tasks shows, or None for all
    :param queued_first: whether a list has unfinished tasks first, not the oldest
    :param coerces_ids: whether a list takes numbers as ids
    :param data_uris_only: whether an image must come as a data URI
    :param takes_urls: whether a URL may stand for an image, in a field of its own
    :param needs_index: whether a reroll needs an index as well
    :param needs_motion: whether a video needs its motion said, and no prompt
    :param refunds_failures: whether a FAILURE gives the charge back
    :param log_words: the words of a row in the log of a key; None where there is no log
    :param numbers_states: whether the tasks of one press have its state with a number behind it
    :param counts_users: whether it, or what stands behind it, limits what the user of a key may do
    :param list_days: how long the list of all tasks shows a task, days, or None
    :param state_limit: greatest length of `state`, or None
    :param accepted: the description of an accepted submission
    :param row: a task as fetch shows it
    :param list_row: a task as a list shows it
    :param unknown_task: the answer of fetch to an unknown id
    :param refuse: how it words a refusal
    :param wrong_route: what it says where there is no endpoint
    """

    name: str
    software: str
    auth_scheme: str
    accepts: Accepts
    unauthorized: Callable[[], Answer]
    prefixes: tuple[str, ...] = ("/mj",)
    lacks: frozenset[str] = frozenset()
    id_prefix: str = ""
    short_hash: bool = False
    has_modal: bool = True
    is_relay: bool = False
    takes: re.Pattern[str] = _ANY
    actions: Mapping[str, str] = field(default_factory=dict)
    has_motion: bool = False
    confirms_anew: bool = False
    queues_as_modal: bool = False
    cancel_reason: str | None = None
    banned_reason: str = "Banned prompt detected: bannedword"
    reroll_keeps_action: bool = False
    list_limit: int | None = None
    queued_first: bool = False
    coerces_ids: bool = False
    data_uris_only: bool = False
    takes_urls: bool = False
    needs_index: bool = False
    needs_motion: bool = True
    refunds_failures: bool = False
    log_words: LogWords | None = None
    numbers_states: bool = False
    counts_users: bool = False
    list_days: int | None = None
    state_limit: int | None = None
    accepted: str = "Submit success"
    row: Callable[[rows.View], rows.Row]
    list_row: Callable[[rows.View], rows.Row]
    unknown_task: Answer
    refuse: refusals.Refuse
    wrong_route: refusals.WrongRoute


def _same(presented: str, key: str) -> bool:
    return hmac.compare_digest(presented.encode(), key.encode())


def _bearer(headers: Mapping[str, str], key: str) -> bool:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and _same(token.strip(), key)


def _raw(headers: Mapping[str, str], key: str) -> bool:
    return _same(headers.get("authorization", ""), key)


def _secret(headers: Mapping[str, str], key: str) -> bool:
    return _same(headers.get("mj-api-secret", ""), key)


def _raw_or_secret(headers: Mapping[str, str], key: str) -> bool:
    # Where there is an Authorization header, the C# proxy looks at nothing else.
    return _raw(headers, key) if "authorization" in headers else _secret(headers, key)


def _new_api(headers: Mapping[str, str], key: str) -> bool:
    value = headers.get("authorization", "")
    if value in {"", "midjourney-proxy"}:
        value = headers.get("mj-api-secret", "")
    if value[:7].lower() == "bearer ":
        value = value[7:].strip()
    return _same(value.removeprefix("sk-"), key.removeprefix("sk-"))


_ALL = (
    Dialect(
        name="gptplus5",
        software="new-api",
        auth_scheme="bearer",
        accepts=_new_api,
        unauthorized=refusals.new_api_unauthorized,
        prefixes=("/mj", "/{mode}/mj"),
        lacks=_NEW_API_LACKS,
        is_relay=True,
        takes=_NEW_API_TAKES,
        actions=_NEW_API_ACTIONS,
        needs_index=True,
        refunds_failures=True,
        log_words=spending.chinese,
        counts_users=True,
        row=rows.new_api_row,
        list_row=rows.new_api_row,
        unknown_task=refusals.NEW_API_NO_TASK,
        refuse=refusals.refuse_like_new_api,
        wrong_route=refusals.web_page,
    ),
    Dialect(
        name="sku-vip",
        software="midjourney-proxy-plus",
        auth_scheme="raw",
        accepts=_raw,
        unauthorized=refusals.plus_unauthorized,
        actions=_DISCORD_ACTIONS | {"UPSCALE_HD": "UPSCALE"},
        has_motion=True,
        confirms_anew=True,
        queued_first=True,
        coerces_ids=True,
        row=rows.plus_row,
        list_row=rows.plus_row,
        unknown_task=Answer(200),
        refuse=refusals.refuse_like_java,
        wrong_route=refusals.tomcat_or_spring,
    ),
    Dialect(
        name="crazyrouter",
        software="a new-api fork",
        auth_scheme="bearer",
        accepts=_bearer,
        unauthorized=refusals.crazyrouter_unauthorized,
        prefixes=("/mj", "/{mode}/mj"),
        id_prefix="task_",
        short_hash=True,
        lacks=_NEW_API_LACKS,
        is_relay=True,
        takes=_NEW_API_TAKES,
        actions=_NEW_API_ACTIONS,
        needs_index=True,
        log_words=spending.english,
        row=rows.crazyrouter_row,
        list_row=rows.crazyrouter_list_row,
        unknown_task=refusals.NEW_API_NO_TASK,
        refuse=refusals.refuse_like_crazyrouter,
        wrong_route=refusals.web_page,
    ),
    Dialect(
        name="novicezk",
        software="novicezk/midjourney-proxy (Java)",
        auth_scheme="mj-api-secret",
        accepts=_secret,
        unauthorized=refusals.java_unauthorized,
        lacks=_JAVA_LACKS,
        has_modal=False,
        queued_first=True,
        coerces_ids=True,
        data_uris_only=True,
        list_days=30,
        accepted="提交成功",
        row=rows.java_row,
        list_row=rows.java_row,
        unknown_task=Answer(200),
        refuse=refusals.refuse_like_java,
        wrong_route=refusals.tomcat_or_spring,
    ),
    Dialect(
        name="trueai",
        software="trueai-org/midjourney-proxy (C#)",
        auth_scheme="raw",
        accepts=_raw_or_secret,
        unauthorized=refusals.cs_unauthorized,
        prefixes=("/mj", "/mj-fast/mj", "/mj-relax/mj", "/mj-turbo/mj"),
        lacks=frozenset({"submit_change"}),
        takes=_CS_TAKES,
        actions=_DISCORD_ACTIONS | {"EDITS": "EDIT"},
        has_motion=True,
        queues_as_modal=True,
        cancel_reason="取消任务",
        banned_reason="可能包含敏感词",
        reroll_keeps_action=True,
        numbers_states=True,
        counts_users=True,
        list_limit=100,
        takes_urls=True,
        needs_motion=False,
        state_limit=255,
        accepted="提交成功",
        row=rows.cs_row,
        list_row=rows.cs_row,
        unknown_task=Answer(204),
        refuse=refusals.refuse_like_cs,
        wrong_route=refusals.bare_not_found,
    ),
)

DIALECTS = {dialect.name: dialect for dialect in _ALL}
"""The dialects by name."""
