"""The five dialects, side by side: everything in which the gateways differ."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import refusals, rows
from .answers import Answer

Accepts = Callable[[Mapping[str, str], str], bool]
"""From request headers and the key to whether the caller may pass."""


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
    :param rewrites_codes: whether 21 (waits for a window) and 22 (queued) are passed on as 1
    :param reroll_keeps_action: whether a reroll has its parent's action
    :param queued_first: whether a list has unfinished tasks first, not the oldest
    :param coerces_ids: whether a list takes numbers as ids
    :param data_uris_only: whether an image must come as a data URI
    :param refunds_failures: whether a FAILURE gives the charge back
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
    rewrites_codes: bool = False
    reroll_keeps_action: bool = False
    queued_first: bool = False
    coerces_ids: bool = False
    data_uris_only: bool = False
    refunds_failures: bool = False
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
        rewrites_codes=True,
        refunds_failures=True,
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
        rewrites_codes=True,
        row=rows.crazyrouter_row,
        list_row=rows.crazyrouter_list_row,
        unknown_task=refusals.NEW_API_NO_TASK,
        refuse=refusals.refuse_like_new_api,
        wrong_route=refusals.web_page,
    ),
    Dialect(
        name="novicezk",
        software="novicezk/midjourney-proxy (Java)",
        auth_scheme="mj-api-secret",
        accepts=_secret,
        unauthorized=refusals.java_unauthorized,
        lacks=frozenset({"submit_action"}),
        has_modal=False,
        queued_first=True,
        coerces_ids=True,
        data_uris_only=True,
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
        reroll_keeps_action=True,
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
