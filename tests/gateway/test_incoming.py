from __future__ import annotations

import json
import threading
import time
from itertools import pairwise
from typing import Any

import pytest
from texts import (
    AIRFLOW_KEYS,
    CONTROLS,
    HALVES,
    HEAVY,
    JSON_NUMBERS,
    KEY,
    LINE_ENDS,
    MARKS,
    disguised,
    spellings,
)

from airflow_provider_mj.gateway import incoming
from airflow_provider_mj.gateway.incoming import clean_text, cleaned, decode
from airflow_provider_mj.gateway.shown import Secret


@pytest.mark.parametrize("number", JSON_NUMBERS)
def test_a_number_that_no_database_holds_costs_nothing_else(number):
    found = decode(f'[{{"id": "1", "n": {number}}}, {{"id": "2", "n": 7}}]')
    assert found[1] == {"id": "2", "n": 7}
    assert found[0]["id"] == "1"
    assert found[0]["n"] is None


def test_numbers_of_64_bits_are_kept():
    kept = [2**63 - 1, -(2**63), 0, 1.5, True, False, 1730621826053455]
    assert decode(json.dumps({"n": kept})) == {"n": kept}
    assert cleaned({"n": [2**63, -(2**63) - 1]}) == {"n": [None, None]}


@pytest.mark.parametrize("control", [*CONTROLS, *MARKS, *HALVES, *LINE_ENDS])
def test_what_shows_nothing_and_does_something_is_taken_out(control):
    found = cleaned({"t": f"a{control}b", "l": [f"{control}{control}x"]})
    text = found["t"] + found["l"][0]
    assert all(character.isprintable() or character in "\t\n" for character in text)
    assert found["t"][0] == "a"
    assert found["t"][-1] == "b"
    text.encode()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        *[("a\tb\nc", "a\tb\nc"), ("a\r\nb", "a\nb"), ("a\rb", "a b"), ("a\u2028b", "a b"), ("a\x00b", "ab")],
        *[("a\ud800c", "a?c"), ("\x1b[31mred", "[31mred"), ("1\ufe0f\u20e3 \u200d", "1\ufe0f\u20e3 \u200d")],
        ("你好", "你好"),
    ],
)
def test_a_text_is_cleaned_and_not_more(text, clean):
    assert clean_text(text) == clean


@pytest.mark.parametrize("key", AIRFLOW_KEYS)
def test_keys_that_mean_something_to_airflow_are_dropped_at_any_depth(key):
    for name in disguised(key):
        found = cleaned({name: 1, "a": {name: 1, "b": [{name: {"c": 1}, "d": 2}]}})
        assert found == {"a": {"b": [{"d": 2}]}}
    assert cleaned({f"x{key}": 1, "_one": 2}) == {f"x{key}": 1, "_one": 2}


@pytest.mark.parametrize(
    "key", ["notifyHook", "NOTIFYHOOK", "base64", "base64Array", "maskBase64", "notify\x00Hook"]
)
def test_pictures_and_the_secret_of_a_webhook_are_dropped(key):
    assert cleaned({"a": {key: "https://hook.example/?token=t"}}) == {"a": {}}


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        *[("data:image/png;base64,AAAA", False), (" DATA:image/png;base64,AA AA", False), ("data:x", False)],
        *[("data: a new look at numbers", True), ("the data: a lot", True), ("AAAA", True)],
    ],
)
def test_a_data_uri_is_no_text(text, is_kept):
    assert cleaned({"a": {"b": [text, 1]}}) == {"a": {"b": [text, 1] if is_kept else [1]}}
    assert cleaned({"a": [text, 1], "b": text}) == {
        "a": [text if is_kept else None, 1],
        "b": text if is_kept else None,
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://me:pw@host/x?a=1", "https://host/x?a=1"),
        ("see https://me:pw@host/x and http://a:b@c", "see https://host/x and http://c"),
        ("https://host/@me", "https://host/@me"),
        ("me@host", "me@host"),
        ("://@" * 3, "://://://"),
    ],
)
def test_no_address_keeps_its_password(text, clean):
    assert cleaned([{"a": text}]) == [{"a": clean}]


def test_whatever_is_too_much_is_dropped_and_the_rest_is_kept():
    many = cleaned({f"k{n}": n for n in range(500)})
    assert list(many.values()) == list(range(100))
    assert len(cleaned({"a": list(range(500))})["a"]) == 100
    assert cleaned({"k" * 129: 1, "k" * 128: 2}) == {"k" * 128: 2}
    assert len(cleaned({"a": "x y" * 9000})["a"]) == 8192
    assert cleaned({"a": {"b": "x" * 5000, "c": 1}}) == {"a": {"c": 1}}
    assert json.dumps(cleaned(json.loads('{"a":' * 500 + "1" + "}" * 500))).count("a") == 7


def test_each_row_of_a_list_has_a_budget_of_its_own():
    heavy = {"id": "1", **{f"t{n}": "x y" * 2000 for n in range(50)}}
    rows = cleaned([heavy, {"id": "2"}, heavy])
    assert [row["id"] for row in rows] == ["1", "2", "1"]
    assert all(len(json.dumps(row)) < 80_000 for row in rows)
    wide = cleaned([{str(n): list(range(90)) for n in range(90)}] * 2)
    assert all(1800 < sum(map(len, row.values())) <= 2000 for row in wide)


def test_what_is_no_row_shares_a_budget():
    assert cleaned(list(range(5000))) == [*range(2000), *[None] * 3000]
    assert decode("[1, null, true, 1.5]") == [1, None, True, 1.5]


def test_to_clean_twice_changes_nothing():
    once = cleaned({"a": "x\x00" * 9000, "b": [{"__type": 1, "c": 10**30}], "d": "http://a:b@c"})
    assert cleaned(once) is once
    assert cleaned(dict(once)) == once


def without(names: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without(names, item) for key, item in value.items() if key not in names}
    return [without(names, item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "name", ["gptplus5_fetch", "sku_vip_fetch", "crazyrouter_finished", "crazyrouter_list"]
)
def test_an_honest_task_is_left_as_it_is(document, name):
    assert cleaned(document(name)) == without(("notifyHook", "maskBase64"), document(name))


@pytest.mark.parametrize("spelling", spellings(), ids=str)
def test_no_spelling_of_the_key_comes_out_of_an_answer(spelling):
    told = spellings()[spelling]
    secret = Secret(KEY)
    for body in (
        {"failReason": f"invalid token {told}, sorry", "ids": [told], "p": {told: 1, "d": {"x": told}}},
        [{"id": told, "status": "FAILURE"}],
        {"a": "x y" * 2730 + told + " and more" * 1000},
    ):
        for text in (json.dumps(body), json.dumps(body, ensure_ascii=False).replace("/", "\\/")):
            found = json.dumps(decode(text, None, secret))
            assert Secret(KEY).masked(found) == found
            assert KEY[3:12] not in found
            assert told[-30:] not in found


def test_a_key_of_digits_is_masked_as_a_number_too():
    assert decode('{"seed": 12345678, "n": 912345678, "m": 1}', None, Secret("12345678")) == {
        "seed": None,
        "n": None,
        "m": 1,
    }


@pytest.mark.parametrize(
    "text", ["", "x", "{", "[1,", '{"a": }', "[" * 100_000, '{"a":' * 100_000, "nul", "\x00"]
)
def test_what_is_no_json_is_an_error_of_one_kind(text):
    with pytest.raises(ValueError, match="."):
        decode(text)


def test_an_object_is_read_as_the_caller_wants():
    assert decode('[{"a": {"b": 1}}]', lambda raw: raw.get("b", raw)) == [{"a": 1}]


def longest_pause(text: str) -> float:
    """Return for how long decoding keeps all other threads from going on."""
    moments, done = [time.perf_counter()], threading.Event()

    def work() -> None:
        try:
            decode(text)
        except ValueError:
            pass
        finally:
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        moments.append(time.perf_counter())
        time.sleep(0.001)
    moments.append(time.perf_counter())
    thread.join()
    return max(later - earlier for earlier, later in pairwise(moments))


@pytest.mark.parametrize("name", HEAVY)
def test_no_answer_holds_the_interpreter(name):
    # The machine may be busy with something else: the best of some tries counts.
    assert any(longest_pause(HEAVY[name]) < 0.1 for _ in range(8))


def test_as_many_values_as_honest_lists_have_are_taken():
    row = '{"id":"%d","status":"SUCCESS",' + ",".join(f'"k{n}":{n}' for n in range(16)) + "}"
    rows = decode("[" + ",".join(row % n for n in range(6800)) + "]")
    assert len(rows) == 6800
    assert incoming.MAX_SEPARATORS < 200_000
