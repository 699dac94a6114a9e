from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote_plus

import pytest
from texts import CONTROLS, HALVES, KEY, LINE_ENDS, LONG, MARKS, TEXTS, spellings

from airflow_provider_mj.gateway.shown import Secret, quote, shown_url


@pytest.mark.parametrize("text", [*TEXTS, *(f"{c}x" for c in (*CONTROLS, *LINE_ENDS, *MARKS, *HALVES))])
def test_a_quote_is_one_line_and_printable(text):
    for shown in (quote(text), quote(text * 500), shown_url(f"http://host/{text}"), shown_url(text)):
        assert shown.isprintable()
        assert len(shown) <= 200


@pytest.mark.parametrize("text", LONG, ids=lambda text: ascii(text[:8]))
def test_megabytes_cost_nothing(text):
    text *= 8
    spent = []
    for _ in range(3):
        begun = time.thread_time()
        assert len(quote(text)) <= 200
        assert len(shown_url(text)) <= 200
        assert len(shown_url("http://" + text)) <= 200
        assert len(Secret(KEY).start(text, 4096)) <= 4096
        spent.append(time.thread_time() - begun)
    assert min(spent) < 0.1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *[("  a \n b\t c ", "a b c"), ("x" * 200, "x" * 200), ("x" * 201, "x" * 199 + "…"), ("", "")],
        *[(" " * 5000 + "x", "…"), ("a" + " " * 5000 + "b", "a…"), ("a" + " " * 300 + "b", "a b")],
    ],
)
def test_what_is_cut_says_so(text, shown):
    assert quote(text) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://" + "p" * 5000 + "@host/x", "at an address that is too long"),
        ("http://host/?" + "p" * 5000 + "@host/x", "http://host/"),
        ("http://a:b@c@host/x", "http://host/x"),
        ("http://host:99999/", "at an address that can't be read"),
        ("http://[::1@]x/", "at an address that can't be read"),
        ("//user:pw@host/x", "://host/x"),
        ("javascript:alert(1)", "at an address without a host"),
        (None, "of type NoneType"),
    ],
)
def test_an_address_that_is_odd_shows_no_password(url, shown):
    assert shown_url(url) == shown


@pytest.mark.parametrize("spelling", spellings(), ids=str)
def test_every_spelling_is_masked(spelling):
    told = spellings()[spelling]
    masked = Secret(KEY).masked(f"no channel for {told} here")
    assert masked.startswith("no channel for ")
    assert masked.endswith("*** here")
    assert told not in masked
    assert Secret(KEY).masked(told * 3).count("***") == 3


@pytest.mark.parametrize("spelling", spellings(), ids=str)
def test_a_cut_leaves_no_part_of_the_key(spelling):
    told = spellings()[spelling]
    parts = {told[start : start + 12] for start in range(0, 60, 12)} | {KEY[3:15]}
    for before in (0, 4080, 4090, 16_000, 16_370, 16_380):
        shown = Secret(KEY).start("x" * before + told + "y" * 20_000, 4096)
        assert not any(part in shown for part in parts if len(part) == 12), before
    # What the mask takes away must not pull up what the search cut through.
    flood = Secret(KEY).start((told + " ") * 2000, 4096)
    assert not any(part in flood for part in parts if len(part) == 12)


@pytest.mark.parametrize("key", ["", "a", "1234", "sk-", "sk-a"])
def test_a_key_that_is_hardly_one_is_not_masked(key):
    assert Secret(key).masked(f"a text with {key} in it") == f"a text with {key} in it"


@pytest.mark.parametrize(
    "key", ["12345", "sk-12", "sk-12345", "a.b*c+", "%41%42", "\\u0041bc", "a&amp;b", "***" * 3]
)
def test_any_other_key_is(key):
    core = key.removeprefix("sk-") if len(key) >= 8 else key
    masked = Secret(key).masked(f"a text with {key} in it")
    assert core not in masked or set(core) == {"*"}


HINTED = Secret("sk-1kyABCDEFGHIJKLblQ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("used up !token.UnlimitedQuota [sk-1ky***blQ]", "used up !token.UnlimitedQuota [***]"),
        ("1ky**blQ", "***"),
        ("sk-1kyABC*****************lQ.", "***."),
        ("***KLblQ", "***"),
        ("1k***", "***"),
        ("a sk-1ky***blQ, b 1kyA***lblQ", "a ***, b 1kyA***lblQ"),
        ("sk-***", "sk-***"),
        ("sk-xyz***blQ", "sk-xyz***blQ"),
        ("1ky*blQ", "1ky*blQ"),
        ("**bold** words", "**bold** words"),
    ],
)
def test_a_key_of_which_only_the_middle_is_hidden_is_masked(text, shown):
    assert HINTED.masked(text) == shown


@pytest.mark.parametrize("spelling", spellings(KEY).values(), ids=spellings(KEY))
def test_no_spelling_of_the_key_is_surely_not_in_a_text(spelling):
    assert not Secret(KEY).is_surely_not_in(f"a {spelling} b")


@pytest.mark.parametrize("text", ["1730000000000123", "IN_PROGRESS", "45%"[:2], "", "Waiting to start"])
def test_short_words_are_surely_without_the_key(text):
    assert Secret("bench-key-0000").is_surely_not_in(text)


def test_stars_cost_nothing():
    begun = time.thread_time()
    assert HINTED.masked(500_000 * "**") == 500_000 * "**"
    HINTED.masked(300_000 * "**a")
    assert time.thread_time() - begun < 1


def test_a_text_without_the_key_is_left_as_it_is():
    for text in (*TEXTS, "a%20b &amp; \\n \\u0041", KEY[:-1], KEY.lower(), "x" * 100_000):
        assert Secret(KEY).masked(text) == text


def test_nothing_shows_what_a_secret_is():
    assert KEY not in repr(Secret(KEY)) + str(Secret(KEY))


@pytest.mark.parametrize("before", ["", "x", "xy", "Bearer ", ":", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_the_key_in_base64_is_masked_wherever_it_stands(before, encode):
    told = encode(f"{before}{KEY}, and more".encode()).decode()
    masked = Secret(KEY).masked(f"header {told}")
    assert "***" in masked
    assert len(masked) < len(f"header {told}") - len(KEY)


@pytest.mark.parametrize("times", range(1, 5))
@pytest.mark.parametrize("key", ["K'7\\p%2f{q} #Zw;9>", 'a"b\\c/d&e', "%25%2f%41-key"])
def test_a_key_with_escapes_of_its_own_is_masked_however_often_it_is_escaped(key, times):
    told = key
    for _ in range(times):
        told = json.dumps(told)[1:-1]
    assert Secret(key).masked(f"panic at {told} here") == "panic at *** here"
    assert Secret(key).masked(quote_plus(key)) == "***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://a.b/c.png?ex=1&hm=2 there", "see https://a.b/c.png there"),
        ('{"u":"https://a.b/c?hm=2","v":"w?x=1"}', '{"u":"https://a.b/c","v":"w?x=1"}'),
        (r'{"u":"https:\/\/a.b\/c?hm=2"}', r'{"u":"https:\/\/a.b\/c"}'),
        ("https%3A%2F%2Fa.b%2Fc%3Fhm%3D2", "https%3A%2F%2Fa.b%2Fc"),
        ("<a href='//a.b/c?hm=2'>", "<a href='//a.b/c'>"),
        (r"https:\u002f\u002fa.b\u003fhm=2", r"https:\u002f\u002fa.b"),
        ("why? is it a/b?", "why? is it a/b?"),
    ],
)
def test_an_address_in_a_quote_has_no_query(text, shown):
    assert quote(text) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@Host.example:8443/a/b.png?sig=1#x", "https://host.example:8443/a/b.png"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("s3://conn@bucket/key.png", "s3://bucket/key.png"),
        ("file:///tmp/cat.png", "file:///tmp/cat.png"),
        ("https://h/\n\x1b[31m", "https://h/ [31m"),
        ("https://[::1", "at an address that can't be read"),
        ("https://h:pw", "at an address that can't be read"),
        ("https:me:pw@h/x", "at an address without a host"),
        ("cat.png", "at an address without a host"),
        (b"https://h", "of type bytes"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert shown_url(url) == shown


def test_a_long_address_is_cut():
    assert len(shown_url("https://host.example/" + "a" * 5000)) == 200
