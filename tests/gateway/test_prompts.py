from __future__ import annotations

import time

import pytest

from airflow_provider_mj.gateway.prompts import CleanPrompt, clean_prompt, prompt_lines, written_prompts

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


DASHES = {
    "soft hyphen": "\u00ad",
    "modifier minus": "\u02d7",
    "hyphen": "\u2010",
    "non-breaking": "\u2011",
    "figure": "\u2012",
    "en": "\u2013",
    "em": "\u2014",
    "bar": "\u2015",
    "bullet": "\u2043",
    "minus": "\u2212",
    "heavy minus": "\u2796",
    "two-em": "\u2e3a",
    "three-em": "\u2e3b",
    "Japanese": "\u30fc",
    "vertical em": "\ufe31",
    "vertical en": "\ufe32",
    "small em": "\ufe58",
    "small hyphen": "\ufe63",
    "full width": "\uff0d",
    "half width Japanese": "\uff70",
}


MENDED = [
    ("a cat {}ar 3:2", "a cat --ar 3:2"),
    ("{}AR 3:2 cat", "--AR 3:2 cat"),
    ("a cat --v 7 {}stylize 250 {}tile", "a cat --v 7 --stylize 250 --tile"),
    ("a cat\n{}sref 17", "a cat --sref 17"),
]


@pytest.mark.parametrize("dash", DASHES.values(), ids=DASHES)
@pytest.mark.parametrize("run", ["{0}", "{0}{0}", "{0}-", "-{0}", "{0}—", "{0}--", "--{0}", "{0}{0}{0}"])
def test_every_kind_and_mixture_of_dash_is_mended(dash, run):
    for before, after in MENDED:
        assert clean_prompt(before.replace("{}", run.format(dash))).text == after


@pytest.mark.parametrize("dash", DASHES.values(), ids=DASHES)
@pytest.mark.parametrize(
    "prose",
    ["a man {} no hat", "a red{}style chair", "dusk {}version of it", "tea {}no-one drinks it", "1{}4"],
)
def test_every_kind_of_dash_stays_in_prose(dash, prose):
    assert clean_prompt(prose.format(dash)).changes == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "a man — no hat",  # a blank after it
        "a red—style painting",  # within a word
        "dusk —version of a dream",  # a number would follow
        "a cat —s'il vous plaît",
        "a cat —argyle",
        "a cat —no-one",
        "a cat —————ar 3:2",  # somebody has drawn a line
        "1914–1918",
        "a cat -ar 3:2",
        "a cat ---ar 3:2",
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
        ("1、一只猫\n2、一只狗", ["一只猫", "一只狗"]),
        ("1）一只猫\n\n2）一只狗", ["一只猫", "一只狗"]),
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


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        (
            "1️⃣ a cat --ar 58:77\n\n2️⃣ a child, in the style of "
            "[tom whalen](https://goo.gl/search?artist%20tom%20whalen) --ar 58:77",
            ["a cat --ar 58:77", "a child, in the style of tom whalen --ar 58:77"],
        ),
        ("by [a](http://e.example/a.b.c) and [b c](https://e.example/?q=%5Bx%5D#y)!", ["by a and b c!"]),
        ("[Fuji (camera)](https://e.example/Fuji_(camera)), grainy", ["Fuji (camera), grainy"]),
        ("[a](https://e.example/(b(c)d)e)) --v 7", ["a) --v 7"]),
        ("[a](https://e.example/(b) --v 7", ["a --v 7"]),
        ("[a](<https://e.example/b>) [c](HTTPS://e.example)", ["a [c](HTTPS://e.example)"]),
        ("a [b [c] d](https://e.example) e", ["a b [c] d e"]),
        ("[[a](https://e.example) b](https://e.example)", ["a b"]),
        ("[a](https://e.example/[b](https://e.example/)", ["a"]),
        ("a [](https://e.example) b", ["a b"]),
        ("a [cat](b), [x](file:///etc/passwd), [[y]], (https://e.example)", None),
        ("a [cat] (https://e.example/1.png), [dog](https://e.example", None),
        ("[cat](https://e.example/a b) ](https://e.example)", None),
        ("[a]]](https://e.example", None),
    ],
)
def test_a_link_on_words_becomes_the_words(text, prompts):
    assert prompt_lines(text) == ([text] if prompts is None else prompts)


@pytest.mark.alone
@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "]",
        "](",
        "[](https://",
        "[](https://a",
        "[[](https://a(",
        "[a](https://a)",
        "](https://a)",
        "[(",
        "1、",
    ],
)
def test_what_is_full_of_half_links_takes_no_time(unit):
    began = time.thread_time()
    prompt_lines(unit * 100_000)
    assert time.thread_time() - began < 0.05


ENGLISH = "1️⃣ a cat\n\n2️⃣ a dog"
CHINESE = "1️⃣ 一只猫\n\n2️⃣ 一只狗"
CAT, KATZE = ["a cat", "a dog"], ["一只猫", "一只狗"]


@pytest.mark.parametrize(
    ("language", "told", "prompts"),
    [
        ("zh", {"promptEn": ENGLISH, "prompt": CHINESE}, KATZE),
        ("ZH_cn", {"promptEn": ENGLISH, "prompt": CHINESE, "properties": None}, KATZE),
        ("zh", {"promptEn": ENGLISH, "prompt": ENGLISH, "properties": {"finalZhPrompt": CHINESE}}, KATZE),
        ("zh-CN", {"promptEn": "", "prompt": "", "properties": {"finalZhPrompt": CHINESE}}, KATZE),
        ("zh", {"promptEn": ENGLISH, "prompt": None, "properties": {"finalZhPrompt": "一只猫"}}, ["一只猫"]),
        ("zh", {"promptEn": ENGLISH, "prompt": ENGLISH, "properties": {"finalZhPrompt": ""}}, CAT),
        ("zh", {"promptEn": ENGLISH, "prompt": "描述", "properties": {}}, CAT),
        ("zh", {"promptEn": None, "prompt": None, "properties": {"finalPrompt": ENGLISH}}, CAT),
        ("de", {"promptEn": ENGLISH, "prompt": "1. eine Katze\n2. ein Hund"}, ["eine Katze", "ein Hund"]),
        ("de", {"promptEn": ENGLISH, "prompt": "", "properties": {"finalZhPrompt": CHINESE}}, CAT),
        (None, {"promptEn": ENGLISH, "prompt": CHINESE, "properties": {"finalZhPrompt": CHINESE}}, CAT),
        ("", {"promptEn": ENGLISH, "prompt": CHINESE}, CAT),
        ("en", {"promptEn": ENGLISH, "prompt": CHINESE}, CAT),
        (None, {"promptEn": "", "prompt": CHINESE}, KATZE),
        (None, {"promptEn": None, "prompt": None, "properties": {}}, []),
    ],
)
def test_the_translation_is_given_where_it_was_asked_for(language, told, prompts):
    assert written_prompts(told, language) == prompts
