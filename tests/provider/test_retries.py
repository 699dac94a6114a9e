"""The ready retry policy: which error is worth another try."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_mj.gateway import errors

try:
    from airflow_provider_mj.retries import MJ_RETRY_POLICY
except AirflowOptionalProviderFeatureException:
    MJ_RETRY_POLICY = None

HAS_POLICIES = MJ_RETRY_POLICY is not None

MINUTE, TEN_MINUTES = timedelta(minutes=1), timedelta(minutes=10)
ACTIONS = {
    errors.GatewayError: ("retry", MINUTE),
    errors.GatewayUnreachableError: ("retry", MINUTE),
    errors.NoConnectionError: ("retry", MINUTE),
    errors.CertificateError: ("retry", MINUTE),
    errors.GatewayDownError: ("retry", MINUTE),
    errors.GatewayBusyError: ("retry", MINUTE),
    errors.UnexpectedAnswerError: ("retry", MINUTE),
    errors.BlockedError: ("retry", MINUTE),
    errors.EndpointMissingError: ("fail", None),
    errors.UnauthorizedError: ("fail", None),
    errors.CannotReadError: ("fail", None),
    errors.NotReadyError: ("retry", MINUTE),
    errors.TaskNotFoundError: ("fail", None),
    errors.SubmissionError: ("retry", MINUTE),
    errors.QueueFullError: ("retry", TEN_MINUTES),
    errors.NoAccountError: ("retry", TEN_MINUTES),
    errors.BannedPromptError: ("fail", None),
    errors.NotOfferedError: ("fail", None),
    errors.AccountBlockedError: ("fail", None),
    errors.InvalidSubmissionError: ("fail", None),
    errors.QuotaError: ("fail", None),
    errors.ParentTaskError: ("fail", None),
    errors.ParentNotReadyError: ("retry", MINUTE),
    errors.WindowRefusedError: ("fail", None),
    errors.SearchFailedError: ("retry", MINUTE),
    errors.SubmissionUnknownError: ("fail", None),
    errors.BackEndLostError: ("fail", None),
    errors.PageInsteadError: ("fail", None),
}


def kinds(kind: type) -> set[type]:
    return {kind}.union(*(kinds(child) for child in kind.__subclasses__()))


def test_every_error_of_a_gateway_is_in_this_table():
    assert kinds(errors.GatewayError) == set(ACTIONS)


# Retry policies came with Airflow 3.3.
if HAS_POLICIES:

    @pytest.mark.parametrize(
        ("kind", "expected"), ACTIONS.items(), ids=lambda one: getattr(one, "__name__", "")
    )
    def test_what_follows_from_an_error(kind, expected):
        decision = MJ_RETRY_POLICY.evaluate(kind("trouble", gateway="gw.example"), 1, 3)
        assert (decision.action.value, decision.retry_delay) == expected
        assert decision.reason

    def test_other_errors_are_left_to_airflow():
        assert MJ_RETRY_POLICY.evaluate(ValueError("x"), 1, 3).action.value == "default"

    def test_the_policy_outlives_the_serialization_of_a_dag():
        again = type(MJ_RETRY_POLICY).deserialize(MJ_RETRY_POLICY.serialize())
        for kind, (action, _) in ACTIONS.items():
            assert again.evaluate(kind("trouble", gateway="gw.example"), 1, 3).action.value == action

else:

    def test_before_airflow_3_3_the_import_says_what_is_missing():
        sys.modules.pop("airflow_provider_mj.retries", None)
        with pytest.raises(AirflowOptionalProviderFeatureException, match=r"need Airflow 3\.3"):
            import airflow_provider_mj.retries  # noqa: F401
