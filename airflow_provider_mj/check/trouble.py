"""What keeps the provider from using a gateway, in one sentence and with what to do. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_mj.check.seen import Probe
from airflow_provider_mj.gateway.errors import (
    BlockedError,
    CannotReadError,
    CertificateError,
    EndpointMissingError,
    GatewayBusyError,
    GatewayDownError,
    GatewayError,
    GatewayUnreachableError,
    NoConnectionError,
    TaskNotFoundError,
    UnauthorizedError,
    UnexpectedAnswerError,
)

if TYPE_CHECKING:
    from airflow_provider_mj.check.seen import Reply, Seen

_NO_GATEWAY = (
    "Check that the host of the Airflow connection is a gateway's, and `path_prefix` in its extra, which is "
    "/mj at most gateways."
)
# The first class that fits decides.
_ADVICE: tuple[tuple[type[GatewayError], str], ...] = (
    (
        CertificateError,
        "Check the host (http:// or https://?), or give the path of its CA bundle as `verify` in the extra "
        "of the Airflow connection.",
    ),
    (
        NoConnectionError,
        "Check the host and port of the Airflow connection, and the network of this machine.",
    ),
    (GatewayUnreachableError, "Ask again later, and check the network of this machine."),
    (
        CannotReadError,
        "The key may submit and not read: at the gateway, take the limit to some models off the key, or use "
        "another key of the same user.",
    ),
    (
        UnauthorizedError,
        "Check the password (the key) and `auth_scheme` (bearer, raw or mj-api-secret) of the Airflow "
        "connection, and the balance of the key.",
    ),
    (BlockedError, "This address seems to be blocked at the gateway or its firewall: ask its operator."),
    (EndpointMissingError, _NO_GATEWAY),
    (UnexpectedAnswerError, _NO_GATEWAY),
    (GatewayBusyError, "Ask again later."),
    (GatewayDownError, "Ask again later, or ask its operator."),
)


def trouble(seen: Seen) -> str:
    """Tell what is wrong in one plain sentence, and what to do; "" if the provider can use the gateway.

    :param seen: what the probes saw.
    """
    error = decisive(seen)
    if error is None:
        return ""
    return f"Gateway {error.gateway}: {told(error)}. {_advice(error, seen)}"


def told(error: GatewayError) -> str:
    """Say what happened, with the gateway's words; what libraries say of a connection is left out."""
    is_said = error.said and not isinstance(error, NoConnectionError)
    return f"{error.what} (it said: {error.said})" if is_said else error.what


def decisive(seen: Seen) -> GatewayError | None:
    """Give the error that decides that the provider can't use a gateway; None if there is none.

    Not every gateway has the list, and some refuse it to a key that may ask for each task. All need the call
    for one task, which tells what is to be published.
    """
    listed, fetched = seen.reply(Probe.LIST), seen.reply(Probe.FETCH)
    if knows_tasks(fetched):
        return None
    if listed.error is None:
        return fetched.error
    is_mute = isinstance(listed.error, UnexpectedAnswerError | GatewayDownError)
    is_told = fetched.error is not None and fetched.answer is not None
    return fetched.error if is_mute and is_told else listed.error


def knows_tasks(fetched: Reply) -> bool:
    """Tell whether a gateway answers about a task that does not exist as a gateway does."""
    return isinstance(fetched.error, TaskNotFoundError) or fetched.value is not None


def _advice(error: GatewayError, seen: Seen) -> str:
    if seen.other_schemes:
        scheme = seen.other_schemes[0]
        return f"It takes the key with `auth_scheme` {scheme}: set that in the extra of the connection."
    return next((advice for kind, advice in _ADVICE if isinstance(error, kind)), error.advice)
