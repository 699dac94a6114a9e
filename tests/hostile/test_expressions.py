"""Every regular expression of the package, on the text that is worst for it: 1 MB in 50 ms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from expressions import Builder, Expression, UnknownExpressionError, find, slowest

import airflow_provider_mj

if TYPE_CHECKING:
    from types import ModuleType

# Nothing of Airflow is in it: once is enough.
pytestmark = [pytest.mark.wire, pytest.mark.alone]

# Of calls whose expression is made while the program runs: what makes the expressions that it can have.
BUILDERS: dict[tuple[str, str], Builder] = {}

EXPRESSIONS = find(airflow_provider_mj, BUILDERS)
"""What the package holds; collecting this test fails where an expression is made while the program runs."""

# What the package had once, and what others have: each holds the interpreter for seconds, or for ever.
SLOW = [
    Expression(r"\s*(\d{1,3})(\.\d+)?\s*%?\s*", re.ASCII, frozenset(("fullmatch",))),
    Expression(r"\A\s*(null)?\s*\Z", 0, frozenset(("search",))),
    Expression(r"insert_\w*failed", re.IGNORECASE, frozenset(("search",))),
    Expression(
        r"(?:^|::)(?:Inpaint|CustomZoom|PicReader::\d+|PromptAnalyzer|video::\d+::.*::manual)(?:::|$)",
        re.IGNORECASE,
        frozenset(("search",)),
    ),
    Expression(r"\[\[\s*([^\[\]:]*?)\s*(?::\s*([^\[\]]*?)\s*)?\]\]", 0, frozenset(("sub",))),
    Expression(r"/(task|submit)(/.*)?$", 0, frozenset(("sub",))),
    Expression(r"(a+)+b", 0, frozenset(("search",))),
    Expression(r"(\w|\w\w)*!", 0, frozenset(("match",))),
    Expression(r"\d+\d+x", 0, frozenset(("match",))),
    Expression(r"<.*>.*</", re.DOTALL, frozenset(("search",))),
    Expression(r"\s+$", 0, frozenset(("sub",))),
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_every_expression_is_quick(expression):
    assert slowest(expression) == ""


@pytest.mark.parametrize("expression", SLOW, ids=str)
def test_a_slow_expression_is_found(expression):
    assert slowest(expression) != ""


def test_expressions_are_found_wherever_they_are():
    known = {one.pattern for one in EXPRESSIONS}
    for part in (r"[0-9a-fA-F]{1,10}", "base64", r"[0-9a-f]{8}", r"[\w.-]{1,80}"):
        assert any(part in pattern for pattern in known), part
    assert {one.where.split(".")[1].split(":")[0] for one in EXPRESSIONS} >= {
        "gateway",
        "keeping",
        "operators",
        "sandbox",
    }


SOURCE = """
import re as r
from dataclasses import dataclass
from re import search as look
WORD = "a"
HELD = r.compile(rf"{WORD}+b", r.IGNORECASE)
@dataclass
class Row:
    text: object
TABLE = {"x": (Row(r.compile("table")),)}
class Reader:
    own = r.compile("own")
    def read(self, text):
        return HELD.match(text) or look("loo+k", text) or self.own.sub("", text) or r.split("spl+it", text)
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    def write(source: str, name: str) -> ModuleType:
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "inner.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        return __import__(name)

    return write


def test_the_search_knows_calls_names_tables_and_classes(written):
    found = {one.pattern: one for one in find(written(SOURCE, "hostile_found"), {})}
    assert found.keys() == {"a+b", "table", "own", "loo+k", "spl+it"}
    assert found["a+b"].uses == {"match"}
    assert found["a+b"].flags & re.IGNORECASE
    assert found["loo+k"].uses == {"search"}
    assert found["table"].uses >= {"search", "fullmatch"}


def test_an_expression_that_nobody_can_tell_is_an_error(written):
    package = written("import re\ndef f(x, t):\n    return re.search(x + 'a', t)\n", "hostile_unknown")
    with pytest.raises(UnknownExpressionError, match="x \\+ 'a' needs a builder"):
        find(package, {})
    assert find(package, {("hostile_unknown.inner", "x + 'a'"): lambda: ["ba"]})[0].pattern == "ba"
