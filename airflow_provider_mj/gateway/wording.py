"""The words of gateways that change what an answer means; :mod:`.rules` says what they mean. No I/O.

A text comes in small letters. No regular expression reads it: some texts make one go back for seconds.
"""

from __future__ import annotations

from collections.abc import Callable

Says = Callable[[str], bool]
"""Tells whether a text in small letters says something."""

# What new-api does with a submission that was taken.
_LATE_STEPS = ("insert_", "response_body")
# Its forks charge beforehand, and say so where they don't know what became of a submission they have sent on.
_OUTCOMES = (
    "_outcome_unknown",
    "_identity_unknown",
    "_identity_conflict",
    "_settlement_pending",
    "_refund_pending",
)
_BOOKING = ("settle", "persist", "结算", "持久化", "落库", "入库")
_FAILED = ("fail", "error", "pending", "失败", "错误", "异常")
_NO_ACCESS = ("账号不可用", "账号已禁用", "账号无权限", "未登录")
# Characters behind "queue" within which "full" is about it.
_NEAR = 24


def _any_of(*phrases: str) -> Says:
    return lambda said: any(phrase in said for phrase in phrases)


def says_queue_full(said: str) -> bool:
    """Return whether a limit is reached, be it of the queue or of the user."""
    return _says_limit(said) or any("full" in part[:_NEAR] for part in said.split("queue")[1:])


def says_not_stored(said: str) -> bool:
    """Return whether a word such as ``insert_midjourney_task_failed`` is there: the task itself was made.

    Forks of new-api have words for what they could not settle or write down after they had sent it on.
    """
    parts = (part for step in _LATE_STEPS for part in said.split(step)[1:])
    if any("failed" in word for part in parts for word in part.split(maxsplit=1)[:1]):
        return True
    is_booking = any(word in said for word in _BOOKING) and any(word in said for word in _FAILED)
    # What is banned is quoted at times, with all the words that it has.
    return (is_booking and not says_banned(said)) or any(word in said for word in _OUTCOMES)


def says_overloaded(said: str) -> bool:
    """Return whether new-api has too little left of a machine, which it says before it looks at anything."""
    return said.startswith("system ") and "overload" in said


def says_system_failed(said: str) -> bool:
    """Return whether a proxy failed in a way that its source shows to be possible after a task was queued."""
    return "系统异常" in said


def says_passing(said: str) -> bool:
    """Return whether CS failed by accident before it queued anything, or takes nothing for the moment."""
    return ("提交" in said and "任务异常" in said) or _says_later(said)


def says_no_call(said: str) -> bool:
    """Return whether a line of text says that there is no such call; a page says that of anything."""
    return not is_page(said) and _says_not_found(said)


def says_no_access(said: str) -> bool:
    """Return whether trueai-org/midjourney-proxy refuses a user, which it does in plain text."""
    return said.startswith(_NO_ACCESS)


def is_empty(said: str) -> bool:
    """Return whether nothing is said."""
    return said in ("", "null")


def is_page(said: str) -> bool:
    """Return whether a web page came, or other markup."""
    return said.startswith("<")


_says_limit = _any_of(
    "队列已满", "并发数已达", "队列数已达", "上限", "too many", "limit reached", "concurrency"
)
_says_later = _any_of(
    "稍后", "try again", "暂不可用", "暂停", "维护", "maintenance", "busy", "繁忙", "unavailable"
)
says_existed = _any_of("任务已存在", "already exist")
# CS has one text for a parent that is not finished, and for one whose window is not open any more.
says_wrong_step = _any_of("任务状态错误")
says_no_task = _any_of(
    *("not_found", "关联任务", "任务不存在"),
    *(
        f"task{one}{no}{two}{what}"
        for one in " _"
        for no in ("no", "not", "does not")
        for two in " _"
        for what in ("found", "exist")
    ),
)
_says_not_found = _any_of("not found", "not allowed", "no route", "404")
_says_gave_up = _any_of("timed out", "timeout", "time out", "deadline exceeded", "超时", "do_request_failed")
# What the HTTP libraries of Go, .NET, Java and Python say of a connection that broke, or was left.
_says_broken = _any_of(
    *("connection reset", "reset by peer", "connection abort", "forcibly closed", "broken pipe"),
    *("unexpected eof", "unexpected end of file", "end of stream", "ended prematurely", "prematurely closed"),
    *("server closed", "socket closed", "socket hang up", "connection was closed", "closed connection"),
    *("connection closed", "disconnected", "goaway", "context canceled", "operation was canceled"),
    *(
        "task was canceled",
        "operation has been canceled",
        "incompleteread",
        "i/o error",
        "error occurred while",
    ),
)


def says_lost_touch(said: str) -> bool:
    """Return whether the gateway waited in vain for who stands behind it, or lost the connection to it."""
    return _says_gave_up(said) or _says_broken(said) or f" {said}".endswith((" eof", ":eof", '"eof'))


says_no_channel = _any_of("channel", "渠道", "distributor", "无可用", "no available")
says_no_account = _any_of("无可用", "账号实例", "实例不存在", "实例不可用", "no available", "no account")
says_channel_off = _any_of(
    "渠道已被禁用", "get_channel_info_failed", "channel is disabled", "channel disabled"
)
says_blocked_user = _any_of("封锁", "已被禁用", "account is banned", "user is banned", "user banned")
says_no_price = _any_of("价格未配置", "倍率或价格", "price not set", "ratio or price", "model_price_error")
says_not_ready = _any_of("task_status_not_success", "task status not success")
says_no_model = _any_of("no access to model", "无权访问模型", "无权使用模型", "not allowed to access model")
says_quota = _any_of("quota", "余额", "额度", "insufficient", "balance")
says_banned = _any_of("banned", "敏感词", "违规词", "sensitive", "image denied", "moderat", "appeal")
