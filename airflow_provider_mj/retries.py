"""A ready retry policy, for Airflow 3.3 and later."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_mj.gateway import errors

try:
    from airflow.providers.common.compat.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
except ImportError as error:
    raise AirflowOptionalProviderFeatureException("retry policies need Airflow 3.3 or later") from error


def _all_kinds(kind: type[errors.GatewayError]) -> list[type[errors.GatewayError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in _all_kinds(child))]


_HOPELESS = [kind for kind in _all_kinds(errors.GatewayError) if not kind.retry_helps]

MJ_RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[*_HOPELESS],
            action=RetryAction.FAIL,
            reason="the same submission would end the same, or might be paid twice",
        ),
        RetryRule(
            exception=[errors.QueueFullError, errors.NoAccountError],
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=10),
            reason="the gateway has no place or no account just now; nothing was paid",
        ),
        RetryRule(
            exception=[errors.GatewayError],
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=1),
            reason="the gateway did not answer as it should; nothing is paid for asking again",
        ),
    ]
)
"""Pass it as ``retry_policy=`` to any task that calls a gateway: an operator, or a function with MJHook."""
