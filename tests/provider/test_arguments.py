"""What a DAG author passes wrongly is told at once, or when the template is rendered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException, XComArg
from fakes import context

from airflow_provider_mj.arguments import seconds
from airflow_provider_mj.operators.mj import MJTaskResultOperator
from airflow_provider_mj.sensors.mj import MJTaskSensor

BOTH = pytest.mark.parametrize("kind", [MJTaskSensor, MJTaskResultOperator])


@BOTH
@pytest.mark.parametrize(
    "value", ["", " ", "None", None, ["17"], ("17",), {"id": "17"}, {"17"}, 1.5, True, b"17", ".."]
)
def test_what_is_no_id_is_refused_when_constructed(kind, value):
    with pytest.raises(ValueError, match="mj_task_id"):
        kind(task_id="t", mj_task_id=value)


@BOTH
@pytest.mark.parametrize(
    "value", ["17", 17, "task_1", "{{ ti.xcom_pull('submit') }}", "{% if a %}17{% endif %}"]
)
def test_an_id_or_a_template_is_taken(kind, value):
    assert kind(task_id="t", mj_task_id=value).mj_task_id == value


@BOTH
@pytest.mark.parametrize("rendered", ["", "None", ["17", "18"], "a b"])
def test_what_a_template_gave_is_checked_when_the_task_runs(kind, rendered):
    operator = kind(task_id="t", mj_task_id="{{ whatever }}")
    operator.mj_task_id = rendered
    with pytest.raises(ValueError, match="mj_task_id"):
        operator.execute(context())


@BOTH
def test_ids_and_connections_are_templated(kind):
    assert {"mj_task_id", "mj_conn_id"} <= set(kind.template_fields)
    operator = kind(task_id="t", mj_task_id="{{ id }}", mj_conn_id="{{ conn }}")
    operator.render_template_fields({"id": "17", "conn": "mj_other"})
    assert (operator.mj_task_id, operator.mj_conn_id) == ("17", "mj_other")


@pytest.mark.parametrize(
    "value", [0, -1, float("nan"), float("inf"), "5", None, True, timedelta(0), timedelta(seconds=-1)]
)
def test_a_length_of_time_that_is_none(value):
    with pytest.raises(ValueError, match="poll_interval"):
        seconds("poll_interval", value)


@pytest.mark.parametrize(("value", "number"), [(5, 5.0), (0.5, 0.5), (timedelta(minutes=1), 60.0)])
def test_a_length_of_time(value, number):
    assert seconds("timeout", value) == number


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        (MJTaskSensor, {"poke_interval": -1}),
        (MJTaskSensor, {"timeout": 0}),
        (MJTaskSensor, {"mode": "async"}),
        (MJTaskResultOperator, {"poll_interval": 0}),
        (MJTaskResultOperator, {"timeout": "1h"}),
    ],
)
def test_wrong_arguments_are_refused_when_constructed(kind, argument):
    # Airflow 2 refuses an unknown mode by an error of its own.
    with pytest.raises((ValueError, AirflowException), match=next(iter(argument)).removesuffix("_interval")):
        kind(task_id="t", mj_task_id="17", **argument)


def test_the_defaults_of_the_modes():
    sensor = MJTaskSensor(task_id="t", mj_task_id="17")
    assert (sensor.mode, sensor.poke_interval, sensor.timeout) == ("reschedule", 20.0, 3600.0)
    assert MJTaskSensor(task_id="t", mj_task_id="17", mode="poke").poke_interval == 5.0
    operator = MJTaskResultOperator(task_id="t", mj_task_id="17")
    assert (operator.poll_interval, operator.timeout, operator.wait_for_completion) == (5.0, 3600.0, True)


@BOTH
def test_a_mapped_task_and_an_xcom_arg(kind):
    with DAG("d", schedule=None) as dag:
        first = MJTaskResultOperator(task_id="first", mj_task_id="17")
        kind(task_id="after", mj_task_id=first.output["imageUrl"])
        mapped = kind.partial(task_id="mapped", mj_conn_id="mj_other").expand(mj_task_id=["17", "18"])
    assert isinstance(dag.get_task("after").mj_task_id, XComArg)
    assert dag.get_task("after").upstream_task_ids == {"first"}
    assert mapped.operator_class is kind


@BOTH
def test_an_operator_shows_no_secret(kind, gateway, fetches):
    fetches({"status": "SUCCESS"})
    operator = kind(task_id="t", mj_task_id="17", **({"mode": "poke"} if kind is MJTaskSensor else {}))
    operator.execute(context())
    assert "sk-provider" not in repr(operator)
