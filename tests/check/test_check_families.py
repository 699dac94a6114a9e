"""Which family a gateway is of, told from answers: pure."""

from __future__ import annotations

import pytest
from checking import PAGE, PORTRAITS, got, refused, seen

from airflow_provider_mj.check.families import SIGNS, Family, guess
from airflow_provider_mj.check.seen import KeyLog, Probe

PROBES = [probe for probe in Probe if probe is not Probe.LIST]


@pytest.mark.parametrize("name", PORTRAITS)
def test_each_family_is_known_by_its_answers_and_nothing_speaks_against_it(name):
    found = guess(seen(PORTRAITS[name]))
    assert (found.family, found.against) == (Family(name), ())
    assert len(found.signs) > 5


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_no_single_answer_decides(name, probe):
    left = {one: reply for one, reply in PORTRAITS[name].items() if one is not probe}
    # Only its errors tell an old release of new-api from a new one whose key has no log yet.
    expected = "new_api" if (name, probe) == ("new_api_old", Probe.NO_KEY) else name
    assert guess(seen(left)).family == expected


@pytest.mark.parametrize("name", ["novicezk", "plus", "trueai"])
def test_a_page_for_what_is_missing_changes_no_family(name):
    page = refused(Probe.NO_CALL, 200, PAGE)
    found = guess(seen(PORTRAITS[name], {Probe.NO_CALL: page}))
    assert found.family == name
    assert found.against == ("a missing call: 200, a web page",)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Invalid API key", "type": "authentication_error", "code": "invalid_api_key"},
        {"message": "no token", "type": "veloera_error", "code": ""},
        {"message": "no token", "type": "ai_api_error", "code": None},
    ],
    ids=lambda error: error["type"],
)
def test_forks_of_new_api_have_errors_of_their_own(error):
    fork = {Probe.NO_KEY: refused(Probe.NO_KEY, 401, {"error": error}), Probe.LOG: got(KeyLog())}
    assert guess(seen(PORTRAITS["new_api"], fork)).family is Family.GO


def test_what_shows_next_to_nothing_has_no_family():
    assert guess(seen({Probe.LIST: got([])})).family is Family.UNKNOWN
    only = guess(seen({Probe.LIST: got([]), Probe.FETCH: refused(Probe.FETCH, 204)}))
    assert (only.family, only.name) == (Family.UNKNOWN, "software that the provider does not know")


def test_where_two_families_fit_both_are_named():
    found = guess(seen({Probe.FETCH: refused(Probe.FETCH, 200), Probe.TASKS: got([])}))
    assert found.family is Family.UNKNOWN
    assert found.name == "novicezk/midjourney-proxy or midjourney-proxy-plus"
    assert found.signs == ()


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.what)
def test_each_sign_shows_at_a_family_that_it_speaks_for_and_at_none_that_it_does_not(sign):
    shows = {name for name, replies in PORTRAITS.items() if sign.shows(seen(replies))}
    assert shows
    assert shows <= set(sign.families)
