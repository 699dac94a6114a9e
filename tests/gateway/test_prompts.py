from __future__ import annotations

import pytest

from airflow_provider_mj.gateway.prompts import CleanPrompt, clean_prompt, prompt_lines

PARAMETERS = (
    *("ar 16:9", "aspect 3:2", "chaos 10", "c 10", "cref https://i.example/1.png", "cw 0", "sref random"),
    *("sw 100", "sv 4", "oref https://i.example/1.png", "ow 100", "niji 6", "niji", "no text", "quality .5"),
    *("q 2", "repeat 3", "r 3", "seed 17", "stop 80", "style raw", "stylize 250", "s 250", "tile", "turbo"),
    *("fast", "relax", "video", "version 6.1", "v 6", "weird 5", "w 5", "iw 1.5", "hd", "draft", "profile x"),
    *("p", "p abc123", "exp 10", "raw", "motion low", "loop", "end loop", "bs 1", "zoom 2", "chaos {5, 10}"),
)


@pytest.mark.parametrize(
    "prompt",
    [
        "pig --v 6.1",
        "a beautiful sunset over the ocean --ar 16:9 --v 6",
        "一只猫 --niji 6",
        "a family 👨\u200d👩\u200d👧 at home",
        "x",
    ],
)
def test_a_clean_prompt_stays_as_it_is(prompt):
    assert clean_prompt(prompt) == CleanPrompt(prompt, ())


@pytest.mark.parametrize(
    "blank", ["  ", "\n", "\r\n\r\n", "\t", "\u00a0", "\u3000", "\u200b", "\ufeff", " \u2060 ", "\0", "\x1b"]
)
def test_any_run_of_blanks_becomes_one_space(blank):
    mended = clean_prompt(f"{blank}a{blank}cat{blank}")
    assert mended == CleanPrompt("a cat", ("whitespace collapsed",))


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_known_parameter_gets_its_dashes_back(parameter):
    mended = clean_prompt(f"a cat \u2014{parameter}")
    assert mended.text == f"a cat --{parameter}"
    assert mended.changes == (f"\u2014 before {parameter.split()[0]} mended to --",)


@pytest.mark.parametrize("dash", ["–", "—", "―", "––", "——", "–—"])
@pytest.mark.parametrize(
    ("before", "after"), [("a cat {}ar 3:2", "a cat --ar 3:2"), ("{}AR 3:2 cat", "--AR 3:2 cat")]
)
def test_any_long_dash_and_two_of_them_are_mended(dash, before, after):
    assert clean_prompt(before.format(dash)).text == after


@pytest.mark.parametrize(
    "prompt",
    [
        "a man — no hat",  # a blank after it
        "a red—style painting",  # within a word
        "dusk —version of a dream",  # a number would follow
        "a cat —s'il vous plaît",
        "a cat —argyle",
        "a cat —no-one",
        "a cat ———ar 3:2",
        "1914–1918",
        "a cat -ar 3:2",
    ],
)
def test_dashes_of_prose_stay(prompt):
    assert clean_prompt(prompt) == CleanPrompt(prompt, ())


def test_every_change_is_told_once():
    mended = clean_prompt("a  cat —ar 3:2 –no text —ar 3:2\n")
    assert mended.text == "a cat --ar 3:2 --no text --ar 3:2"
    assert mended.changes == (
        "whitespace collapsed",
        "— before ar mended to --",
        "– before no mended to --",
    )


@pytest.mark.parametrize("prompt", ["a  cat\n—ar 3:2", " –v 6 ", "a —— cat —chaos 5"])
def test_cleaning_twice_changes_nothing_more(prompt):
    once = clean_prompt(prompt).text
    assert clean_prompt(once) == CleanPrompt(once, ())


@pytest.mark.parametrize("prompt", ["", "  \n", "\u200b\ufeff", None, 17, b"a cat", ["a cat"]])
def test_what_is_empty_or_no_text_is_refused(prompt):
    with pytest.raises(ValueError, match="prompt must be text and not empty"):
        clean_prompt(prompt)


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        (
            "1️⃣ a cat in a hat --ar 4:3\n\n2️⃣ a dog, 2 bones \n\n3️⃣ a cow",
            ["a cat in a hat --ar 4:3", "a dog, 2 bones", "a cow"],
        ),
        ("1\u20e3 a cat\n\n2\u20e3 a dog", ["a cat", "a dog"]),
        ("1️⃣ a cat 2️⃣ a dog", ["a cat", "a dog"]),
        ("1️⃣a cat\r\n\r\n2️⃣\r\n\r\na dog", ["a cat", "a dog"]),
        ("1️⃣ a cat\nin a hat\n\n2️⃣ a dog\n\nImages by somebody", ["a cat in a hat", "a dog"]),
        ("1️⃣ a cat\n2. of two\n2️⃣ a dog", ["a cat 2. of two", "a dog"]),
        ("1. a cat --v 6.1\n2. a dog\n\n3. a cow", ["a cat --v 6.1", "a dog", "a cow"]),
        (" 1) a cat\n 2) a dog", ["a cat", "a dog"]),
        (
            "## Important tokens\n**cat**, ~~very~~ **hat**\n## Shortened prompts\n1️⃣ cat, hat\n\n2️⃣ cat",
            ["cat, hat", "cat"],
        ),
        ("1️⃣ \n\n2️⃣ a dog", ["a dog"]),
        ("9️⃣ nine 🔟 ten", ["nine", "ten"]),
        ("a cat --v 6.1", ["a cat --v 6.1"]),
        ("a cat\n\nin a hat", ["a cat in a hat"]),
        ("1.5 litres of milk", ["1.5 litres of milk"]),
        ("", []),
        (" \n", []),
        ("1️⃣", []),
        (None, []),
        (17, []),
    ],
)
def test_the_prompts_that_a_task_has_written(text, prompts):
    assert prompt_lines(text) == prompts
