"""What the probes saw, said line by line, as promises, and in one sentence: pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from checking import (
    BUTTONS,
    CHARGED,
    FINISHED,
    GATEWAY,
    PAGE,
    PORTRAITS,
    TARGET,
    failed,
    got,
    refused,
    seen,
    tasks,
)

from airflow_provider_mj.check.lines import Verdict
from airflow_provider_mj.check.report import report, summary
from airflow_provider_mj.check.routes import Route, route
from airflow_provider_mj.check.seen import KeyLog, Probe
from airflow_provider_mj.gateway.errors import (
    CertificateError,
    GatewayUnreachableError,
    NoConnectionError,
)

YES, NO, UNKNOWN = Verdict.YES, Verdict.NO, Verdict.UNKNOWN
FETCHED = PORTRAITS["new_api"][Probe.FETCH]
NO_MODEL = {"error": {"message": "This token has no access to model ", "type": "new_api_error"}}


def verdicts(found, part="lines"):
    return {line.name: line.verdict for line in getattr(found, part)}


def line(found, name):
    return next(line for line in (*found.lines, *found.promises) if line.name == name)


@pytest.mark.parametrize("name", PORTRAITS)
def test_each_family_can_be_used(name):
    found = report(seen(PORTRAITS[name]))
    assert found.is_usable
    assert found.problem == ""
    assert all(line.verdict is YES for line in found.lines if line.is_needed)


@pytest.mark.parametrize(
    ("name", "lost", "where"),
    [
        ("new_api", YES, "in the log of the key"),
        ("new_api_old", NO, "only to a key in the address"),
        *[(name, YES, "in its list of tasks") for name in ("novicezk", "plus", "trueai")],
    ],
)
def test_where_a_lost_submission_is_found(name, lost, where):
    found = line(report(seen(PORTRAITS[name])), "lost_submission")
    assert found.verdict is lost
    assert where in found.came


@pytest.mark.parametrize(
    ("replies", "lost"),
    [
        ({Probe.TASKS: tasks()}, UNKNOWN),
        ({Probe.TASKS: tasks(FINISHED | {"state": "airflow-1"})}, YES),
        ({Probe.TASKS: tasks(FINISHED, FINISHED | {"id": "18", "state": "mine"})}, YES),
        ({Probe.TASKS: tasks(FINISHED | {"buttons": BUTTONS})}, UNKNOWN),
        # The provider asks for the log only where there is no list.
        ({Probe.TASKS: tasks(FINISHED | {"state": ""}), Probe.LOG: got(CHARGED)}, UNKNOWN),
        ({Probe.TASKS: refused(Probe.TASKS, 503), Probe.LOG: got(CHARGED)}, YES),
        (
            {
                Probe.TASKS: refused(Probe.TASKS, 404),
                Probe.LOG: got(KeyLog(40)),
            },
            UNKNOWN,
        ),
        (
            {Probe.TASKS: refused(Probe.TASKS, 404), Probe.LOG: refused(Probe.LOG, 200, {"success": False})},
            UNKNOWN,
        ),
        ({Probe.TASKS: refused(Probe.TASKS, 404), Probe.LOG: got(KeyLog(40, 12))}, UNKNOWN),
        ({Probe.TASKS: refused(Probe.TASKS, 404), Probe.LOG: got(replace(CHARGED, tasks=()))}, UNKNOWN),
        ({Probe.TASKS: failed(GatewayUnreachableError, "it did not answer in time")}, UNKNOWN),
    ],
)
def test_a_lost_submission_is_promised_only_where_it_shows(replies, lost):
    found = report(seen({Probe.LIST: got([]), Probe.FETCH: FETCHED}, replies))
    assert line(found, "lost_submission").verdict is lost


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("new_api", {"buttons": UNKNOWN, "single_pictures": UNKNOWN, "cancel": NO, "seeds": UNKNOWN}),
        ("novicezk", {"buttons": NO, "single_pictures": UNKNOWN, "cancel": NO, "seeds": NO}),
        ("plus", {"buttons": YES, "single_pictures": UNKNOWN, "cancel": YES, "seeds": YES}),
        # Only an administrator may cancel there.
        ("trueai", {"buttons": YES, "single_pictures": UNKNOWN, "cancel": NO, "seeds": YES}),
    ],
)
def test_the_other_promises(name, expected):
    found = verdicts(report(seen(PORTRAITS[name])), "promises")
    assert {one: found[one] for one in expected} == expected


def test_what_a_list_shows_counts_more_than_the_family():
    links = {"buttons": BUTTONS, "imageUrls": [{"url": "https://cdn.example/1.png"}]}
    found = verdicts(report(seen(PORTRAITS["novicezk"], {Probe.TASKS: tasks(FINISHED | links)})), "promises")
    assert (found["buttons"], found["single_pictures"]) == (YES, YES)


@pytest.mark.parametrize(
    ("listed", "fetched", "problem", "advice"),
    [
        (
            failed(NoConnectionError, "there is no such host", "_Pool(host=x)"),
            None,
            "no such host",
            "Check the host",
        ),
        (
            failed(NoConnectionError, "no connection could be made"),
            None,
            "no connection",
            "Check the host and port",
        ),
        (failed(CertificateError, "its TLS certificate is not accepted"), None, "certificate", "`verify`"),
        (failed(GatewayUnreachableError, "it did not answer in time"), None, "in time", "Ask again later"),
        (refused(Probe.LIST, 401), refused(Probe.FETCH, 401), "the key is refused", "Check the password"),
        (
            refused(Probe.LIST, 403, NO_MODEL),
            refused(Probe.FETCH, 403, NO_MODEL),
            "may not read",
            "limit to some",
        ),
        (refused(Probe.LIST, 403, PAGE), refused(Probe.FETCH, 403, PAGE), "is refused", "blocked"),
        (refused(Probe.LIST, 200, PAGE), refused(Probe.FETCH, 200, PAGE), "a web page came", "path_prefix"),
        (refused(Probe.LIST, 404, PAGE), refused(Probe.FETCH, 404, PAGE), "does not exist", "path_prefix"),
        (refused(Probe.LIST, 404), refused(Probe.FETCH, 404), "does not exist", "path_prefix"),
        (
            refused(Probe.LIST, 200, {"code": 0}),
            refused(Probe.FETCH, 200, {"code": 0}),
            "protocol|shape",
            "a gateway's",
        ),
        (
            refused(Probe.LIST, 302, "Location: https://b"),
            refused(Probe.FETCH, 302),
            "a redirect",
            "a gateway's",
        ),
        (refused(Probe.LIST, 502, PAGE), refused(Probe.FETCH, 502, PAGE), "overloaded", "Ask again later"),
        (refused(Probe.LIST, 500), refused(Probe.FETCH, 500), "the gateway failed", "its operator"),
        # A list alone is not enough: what is published is asked for by itself.
        (got([]), refused(Probe.FETCH, 200, PAGE), "a web page came", "path_prefix"),
        (got([]), failed(GatewayUnreachableError, "it did not answer in time"), "in time", "Ask again"),
    ],
)
def test_one_sentence_says_what_is_wrong_and_what_to_do(listed, fetched, problem, advice):
    replies = {Probe.LIST: listed} | ({Probe.FETCH: fetched} if fetched else {})
    found = report(seen(replies))
    assert not found.is_usable
    assert found.promises == ()
    assert any(part in found.problem for part in problem.split("|"))
    assert advice in found.problem
    assert GATEWAY in found.problem
    assert "_Pool" not in found.problem
    assert "paid" not in found.problem
    assert summary(seen(replies)) == (False, found.problem)


@pytest.mark.parametrize("status", [404, 405, 503])
def test_a_gateway_without_the_list_call_can_be_used(status):
    found = report(seen({Probe.LIST: refused(Probe.LIST, status), Probe.FETCH: FETCHED}))
    assert found.is_usable
    assert verdicts(found)["list_by_condition"] is NO
    assert "a request of its own" in line(found, "list_by_condition").came


def test_a_key_that_may_submit_and_not_read_is_taken():
    refusal = {
        Probe.LIST: refused(Probe.LIST, 403, NO_MODEL),
        Probe.FETCH: refused(Probe.FETCH, 403, NO_MODEL),
    }
    found = verdicts(report(seen(refusal)))
    assert (found["key"], found["read"]) == (YES, NO)


def test_the_key_is_said_to_be_refused_and_which_scheme_works():
    refusal = {
        Probe.LIST: refused(Probe.LIST, 401, "Authorization header missing."),
        Probe.FETCH: refused(Probe.FETCH, 401),
    }
    found = report(seen(refusal, other_schemes=("raw",)))
    assert verdicts(found)["key"] is NO
    assert found.problem.endswith(
        "It takes the key with `auth_scheme` raw: set that in the extra of the connection."
    )


def test_a_gateway_that_looks_at_no_key_proves_nothing_about_it():
    found = report(seen(PORTRAITS["novicezk"], {Probe.NO_KEY: refused(Probe.NO_KEY, 200)}))
    assert "answers without a key as well" in line(found, "key").came
    assert found.is_usable


@pytest.mark.parametrize(
    ("ahead", "verdict", "words"),
    [
        (None, UNKNOWN, "tells no time"),
        *[(seconds, YES, "the time of this machine") for seconds in (0.0, 1.9, -2.0)],
        (30.0, YES, "30 s ahead of"),
        (-60.0, YES, "60 s behind"),
        (61.0, NO, "61 s ahead of this machine's: set the one that is wrong"),
        (-86400.0, NO, "86400 s behind"),
    ],
)
def test_the_clock(ahead, verdict, words):
    found = line(report(seen(PORTRAITS["plus"], ahead=ahead)), "clock")
    assert found.verdict is verdict
    assert words in found.came


@pytest.mark.parametrize(
    ("target", "verdict", "words"),
    [
        (TARGET, YES, "is accepted"),
        (replace(TARGET, is_verified=False), NO, "is not checked"),
        (replace(TARGET, is_tls=False), NO, "can be read on the way"),
    ],
)
def test_tls(target, verdict, words):
    found = report(seen(PORTRAITS["plus"], target=target))
    assert line(found, "tls").verdict is verdict
    assert words in line(found, "tls").came
    assert found.is_usable


@pytest.mark.parametrize(
    ("address", "is_proxied", "words"),
    [
        ("192.0.2.7", False, "from 192.0.2.7 (IPv4)"),
        ("2001:db8::7", False, "from 2001:db8::7 (IPv6)"),
        ("", False, "gw.example answers"),
        ("192.0.2.7", True, "through the proxy"),
    ],
)
def test_how_it_was_reached(address, is_proxied, words):
    listed = {Probe.LIST: got([], address=address)}
    found = report(seen(PORTRAITS["plus"], listed, target=replace(TARGET, is_proxied=is_proxied)))
    assert words in line(found, "reached").came


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (got([]), Route.WORKS),
        (refused(Probe.SEED, 400, {"description": "task_no_found ", "code": 4}), Route.REFUSES),
        (refused(Probe.SEED, 200, {"code": 3, "description": "关联任务不存在"}), Route.REFUSES),
        (refused(Probe.IMAGE, 404, {"error": "midjourney_task_not_found"}), Route.REFUSES),
        (refused(Probe.IMAGE, 404, {"error": "Not Found", "status": 404}), Route.MISSING),
        (refused(Probe.IMAGE, 400, {"error": "midjourney_task_not_found"}), Route.REFUSES),
        (refused(Probe.CANCEL, 400, "当前用户无权限"), Route.FORBIDDEN),
        (refused(Probe.IMAGE, 401), Route.FORBIDDEN),
        (refused(Probe.SEED, 404), Route.MISSING),
        (refused(Probe.SEED, 405, PAGE), Route.MISSING),
        (refused(Probe.SEED, 200, PAGE), Route.MISSING),
        (refused(Probe.SEED, 403, PAGE), Route.UNKNOWN),
        (refused(Probe.SEED, 502, PAGE), Route.UNKNOWN),
        (refused(Probe.SEED, 429), Route.UNKNOWN),
        (refused(Probe.SEED, 200, "ok"), Route.UNKNOWN),
        (failed(GatewayUnreachableError, "it did not answer in time"), Route.UNKNOWN),
    ],
)
def test_whether_a_call_exists(reply, expected):
    assert route(reply) is expected


def test_what_a_gateway_sends_is_quoted():
    nasty = "\x1b[31mred\n\n2026 INFO forged " + "x" * 900
    answer = refused(Probe.SEED, 400, {"code": 4, "description": nasty})
    came = line(report(seen(PORTRAITS["plus"], {Probe.SEED: answer})), "seed").came
    assert came.isprintable()
    assert len(came) < 300


def test_the_short_form_says_what_it_looks_like_and_where_a_lost_submission_is_found():
    assert summary(seen(PORTRAITS["new_api"])) == (
        True,
        "The gateway gw.example answers and takes the key; it looks like new-api or a fork of it: "
        "a lost submission is found in the log of the key.",
    )
    assert summary(seen(PORTRAITS["new_api_old"]))[1].endswith(
        "it looks like an old release of new-api. A lost submission is not found there: releases as old as "
        "this show the log only to a key in the address, and none is put there. A person has to look."
    )
