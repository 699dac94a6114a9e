"""What relays such as new-api serve beside the calls of Midjourney: the log of a key, and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import refusals
from .answers import Answer, json_answer
from .conditions import Condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .gateway import SandboxGateway

_BLOCKED = "request blocked: private IP address not allowed: 127.0.0.1"


def log_of_key(gateway: SandboxGateway, headers: Mapping[str, str], key: str) -> Answer:
    """Answer with the rows of a key's log; one without balance may look as well.

    :param gateway: the gateway
    :param headers: of the request
    :param key: the key that stands in the address, or ""
    """
    if not gateway.dialect.is_relay or Condition.LOG_MISSING in gateway.conditions:
        return gateway.dialect.wrong_route("GET", "/api/log/token", gateway.clock())
    log = gateway.account.log
    if Condition.LOG_OLD in gateway.conditions:
        is_known = gateway.dialect.accepts({"authorization": f"Bearer {key}"}, gateway.key)
        return _rows(log.all_rows() if is_known else [])
    if not log.may_look(gateway.clock()):
        return Answer(429)
    if not gateway.dialect.accepts(headers, gateway.key):
        return json_answer({"success": False, "message": "Invalid token"}, 401)
    return _rows(log.newest())


def image_refused(gateway: SandboxGateway, mj_task_id: str, headers: Mapping[str, str]) -> Answer | None:
    """Return why a relay does not forward a picture, or None if it does.

    :param gateway: the gateway
    :param mj_task_id: the task whose picture is wanted
    :param headers: of the request
    """
    now = gateway.clock()
    is_protected = Condition.IMAGES_PROTECTED in gateway.conditions
    if is_protected and not gateway.dialect.accepts(headers, gateway.key):
        return gateway.dialect.unauthorized()
    seen = gateway.look(mj_task_id)
    if seen is None:
        return json_answer({"error": "midjourney_task_not_found"}, 400)
    if seen.finished_at is None:
        return json_answer({"error": "http_get_image_failed"}, 500)
    if Condition.IMAGES_BLOCKED in gateway.conditions:
        return json_answer({"error": _BLOCKED}, 403)
    if now >= seen.finished_at + gateway.signer.lifetime:
        return json_answer({"error": refusals.EXPIRED}, 404)
    return None


def _rows(rows: list[dict[str, object]]) -> Answer:
    return json_answer({"success": True, "message": "", "data": rows})
