"""Finds every regular expression of a package by itself, and makes for each the texts that are worst for it.

Python's engine goes back: a repeat that can match what follows it as well costs the square of a text's
length, or worse, and it holds the interpreter for all of that time. What such a text looks like can be read
off the expression: what leads to a repeat, what it repeats, very often, and then something that does not fit.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

if TYPE_CHECKING:
    from types import ModuleType

SIZE = 1_000_000
LIMIT = 0.05
"""Seconds of this thread's CPU that a text of 1 MB may take, with all the matches in it."""

_METHODS = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
_CALLS = (*_METHODS, "compile")
# How an expression is used that is passed on, so that nobody can tell.
_ANY_USE = frozenset(("search", "match", "fullmatch", "sub"))
# A square shows at 16,000 characters, more than that at 24; a larger text would never end.
_SIZES = (8, 16, 20, 24, 32, 256, 2_000, 16_000, 128_000, SIZE)
# One that is quick enough ends them; what keeps a machine busy makes some of them take longer.
_TRIES = 3
_MORE_TRIES = 12
_BUSY = 5
_NAMED = 60

Builder = Callable[[], list[str]]


@dataclass(frozen=True)
class Expression:
    """A regular expression, and where and how it is used."""

    pattern: str
    flags: int = 0
    uses: frozenset[str] = _ANY_USE
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where} {self.pattern[:_NAMED]}"


class UnknownExpressionError(AssertionError):
    """An expression is put together while the program runs, and nobody has said of what."""


def find(package: ModuleType, builders: Mapping[tuple[str, str], Builder]) -> list[Expression]:
    """Find the regular expressions of a package, in calls and in what its modules hold.

    :param package: the package; all its modules are imported.
    :param builders: for a call whose expression can't be told without running it, by module and source of the
        argument: what gives the expressions that it can have.
    :raises UnknownExpressionError: when there is another such call.
    """
    found: dict[tuple[str, int], Expression] = {}
    uses: dict[tuple[str, int], set[str]] = {}
    for module in _modules(package):
        scan = _Scan(module, builders)
        for one in map(_as_text, (*scan.expressions(), *_held(module))):
            found.setdefault((one.pattern, one.flags), one)
            uses.setdefault((one.pattern, one.flags), set()).update(one.uses)
    return [
        Expression(one.pattern, one.flags, frozenset(uses[key]) or _ANY_USE, one.where)
        for key, one in sorted(found.items())
        if one.pattern
    ]


def _as_text(one: Expression) -> Expression:
    """Give an expression for bytes as one for text, which takes the same time."""
    pattern: Any = one.pattern
    if not isinstance(pattern, bytes):
        return one
    return replace(one, pattern=pattern.decode("latin-1"), flags=one.flags | re.ASCII)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # Retry policies need Airflow 3.3.
        with suppress(AirflowOptionalProviderFeatureException):
            yield importlib.import_module(info.name)


class _Scan:
    """Reads the source of a module."""

    def __init__(self, module: ModuleType, builders: Mapping[tuple[str, str], Builder]) -> None:
        self._module, self._builders = module, builders
        self._tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
        self._called = {id(node.func.value): node.func.attr for node in self._calls_of_attributes()}

    def expressions(self) -> Iterator[Expression]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and (name := self._function(node.func)):
                yield from self._of_call(node, name)
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield from self._of_use(node)

    def _calls_of_attributes(self) -> Iterator[Any]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node

    def _function(self, node: ast.expr) -> str | None:
        """Tell which function of ``re`` is called, whatever it is called here."""
        called = self._value(node)
        return next((name for name in _CALLS if called is getattr(re, name)), None)

    def _value(self, node: ast.expr) -> Any:
        """Return what a name stands for in the module; None for what has no value before it runs."""
        if isinstance(node, ast.Attribute):
            return getattr(self._value(node.value), node.attr, None)
        return vars(self._module).get(node.id) if isinstance(node, ast.Name) else None

    def _evaluated(self, node: ast.expr) -> Any:
        expression = ast.fix_missing_locations(ast.Expression(node))
        return eval(compile(expression, self._module.__name__, "eval"), dict(vars(self._module)))

    def _of_call(self, node: ast.Call, name: str) -> Iterator[Expression]:
        names = [*inspect.signature(getattr(re, name)).parameters]
        given = dict(zip(names, node.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        flags = int(self._evaluated(given["flags"])) if "flags" in given else 0
        where = f"{self._module.__name__}:{node.lineno}"
        uses = frozenset(() if name == "compile" else (name,))
        for pattern in self._patterns(given["pattern"], where):
            if isinstance(pattern, re.Pattern):
                yield Expression(pattern.pattern, pattern.flags, uses, where)
            else:
                yield Expression(pattern, re.compile(pattern, flags).flags, uses, where)

    def _patterns(self, node: ast.expr, where: str) -> list[Any]:
        if builder := self._builders.get((self._module.__name__, ast.unparse(node))):
            return list(builder())
        try:
            return [self._evaluated(node)]
        except NameError:
            raise UnknownExpressionError(f"{where}: {ast.unparse(node)} needs a builder") from None

    def _of_use(self, node: ast.Name | ast.Attribute) -> Iterator[Expression]:
        value = self._value(node)
        if isinstance(value, re.Pattern):
            method = self._called.get(id(node))
            uses = frozenset((method,)) & frozenset(_METHODS) if method else _ANY_USE
            yield Expression(value.pattern, value.flags, uses, f"{self._module.__name__}:{node.lineno}")


def _held(module: ModuleType) -> Iterator[Expression]:
    """Find compiled expressions in what a module and its classes hold, however deep."""
    seen: set[int] = set()
    stack = [value for name, value in vars(module).items() if not name.startswith("__")]
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
            yield Expression(value.pattern, value.flags, frozenset(), module.__name__)
        stack += _inside(value, module)


def _inside(value: Any, module: ModuleType) -> list[Any]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, tuple | list | set | frozenset):
        return [*value]
    if isinstance(value, type):
        return [*vars(value).values()] if value.__module__ == module.__name__ else []
    if is_dataclass(value):
        return [getattr(value, one.name, None) for one in fields(value)]
    return []


# What most expressions stumble over, whatever they look like.
_UNITS = (
    *(" ", "\n", " \n", "0", "1.", "a", "a ", "_", "-", "—", ".", ":", "/", "[[", "]", "<", '"', "\\", "%25"),
    *("&#", "@", "=", "你", "1\ufe0f\u20e3", "http://", "\n1) "),
)
_SUFFIXES = ("\x00", "\n\x00")


def texts(expression: Expression) -> Iterator[tuple[str, str]]:
    """Make the parts of the texts that are worst for an expression: what is repeated, and what surrounds it.

    :returns: pairs of a beginning and a unit; a text is the beginning, the unit very often, and a suffix.
    """
    tree = parser.parse(expression.pattern, expression.flags)
    whole = _sample(tree)
    pairs = [("", unit) for unit in (*_UNITS, *_almost(whole))]
    for prefix, repeat in _repeats(tree, ""):
        for body in _samples_of_repeat(repeat):
            pairs += [(prefix, body), ("", prefix + body), ("", body), ("", prefix)]
    for first, second in _neighbours(tree):
        for body in _samples_of_repeat(second):
            pairs += [("", first + body), (first * 1000, body)]
    return iter(dict.fromkeys(pair for pair in pairs if pair[1]))


def _almost(whole: str) -> list[str]:
    """Make units of what an expression matches, as it is, cut short, spoilt, and as words of their own."""
    beginnings = dict.fromkeys((whole[:1], whole[: len(whole) // 2], whole[:-1], whole))
    return [
        f"{before}{one}{after}" for one in beginnings for before in ("", " ") for after in ("", " ", "\x00")
    ]


def _neighbours(tree: Any) -> Iterator[tuple[str, Any]]:
    """Find repeats that come one after the other: what the first may be, and the second."""
    for sequence in _sequences(tree):
        for first, second in pairwise(one for one in sequence if one[0] in _REPEATS):
            yield _sample_of(first), second


_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)


def _children(node: Any) -> list[Any]:
    """Return the sequences inside of a node."""
    kind, value = node
    if kind in _REPEATS:
        return [value[2]]
    if kind is codes.SUBPATTERN:
        return [value[3]]
    if kind is codes.BRANCH:
        return list(value[1])
    if kind in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    return [value] if kind is codes.ATOMIC_GROUP else []


def _repeats(sequence: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Find all repeats, each with a text that leads to it."""
    for node in sequence:
        if node[0] in _REPEATS:
            yield prefix, node
        for child in _children(node):
            yield from _repeats(child, prefix)
        prefix += _sample_of(node)


def _sequences(sequence: Any) -> Iterator[Any]:
    yield sequence
    for node in sequence:
        for child in _children(node):
            yield from _sequences(child)


def _samples_of_repeat(node: Any) -> list[str]:
    """Return what one turn of a repeat may be: for a set of characters, one of each kind."""
    _, (_, _, body) = node
    if len(body) == 1 and body[0][0] in (codes.IN, codes.ANY, codes.NOT_LITERAL):
        return [c for c in _CANDIDATES if _takes(body[0], c)][:_FEW] or [_sample_of(body[0])]
    bodies = [_sample(body)]
    for one in body:
        if one[0] is codes.BRANCH:
            bodies += [_sample(branch) for branch in one[1][1]]
    return [one for one in dict.fromkeys(bodies) if one] or ["x"]


_FEW = 4
_CANDIDATES = " \t\na0_.-/:x[]\"'\\%&<{\x00é你"


def _sample(sequence: Any) -> str:
    return "".join(map(_sample_of, sequence))


def _sample_of(node: Any) -> str:
    """Return a short text that a node matches."""
    kind, value = node
    if kind is codes.LITERAL:
        return chr(value)
    if kind in (codes.IN, codes.ANY, codes.NOT_LITERAL):
        return next((c for c in "a0 -_/" + _CANDIDATES if _takes(node, c)), _first_of(node))
    if kind in _REPEATS:
        return _sample(value[2]) * max(1, min(value[0], 64))
    if kind is codes.BRANCH:
        return _sample(value[1][0])
    if kind is codes.SUBPATTERN:
        return _sample(value[3])
    return _sample(value) if kind is codes.ATOMIC_GROUP else ""


def _takes(node: Any, character: str) -> bool:
    kind, value = node
    if kind is codes.ANY:
        return character != "\n"
    if kind is codes.NOT_LITERAL:
        return ord(character) != value
    parts = [part for part in value if part[0] is not codes.NEGATE]
    return any(_is_in(part, character) for part in parts) != (len(parts) < len(value))


_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}


def _is_in(part: Any, character: str) -> bool:
    kind, value = part
    if kind is codes.LITERAL:
        return ord(character) == value
    if kind is codes.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    return re.match(_CATEGORIES[value], character) is not None


def _first_of(node: Any) -> str:
    for part in node[1] if node[0] is codes.IN else ():
        if part[0] is codes.LITERAL:
            return chr(part[1])
        if part[0] is codes.RANGE:
            return chr(part[1][0])
    return "\u2603"


def slowest(expression: Expression) -> str:
    """Tell the first text that an expression takes too long for, and the time; "" where there is none."""
    for use in sorted(expression.uses):
        run = _runner(expression, use)
        for (prefix, unit), suffix in ((pair, end) for pair in texts(expression) for end in _SUFFIXES):
            # What may follow a text makes a difference long before it has 1 MB.
            for size in _SIZES if suffix == _SUFFIXES[0] else _SIZES[:-1]:
                text = prefix + _filled(unit, size) + suffix
                spent = _best(run, text)
                if LIMIT < spent < LIMIT * _BUSY:
                    spent = _best(run, text, tries=_MORE_TRIES)
                if spent > LIMIT:
                    what = f"{prefix[:_NAMED]!r} + {unit[:_NAMED]!r} up to {size} + {suffix!r}"
                    return f"{use}: {what}: {spent:.3f} s"
    return ""


@lru_cache(maxsize=128)
def _filled(unit: str, size: int) -> str:
    return unit * (size // len(unit) or 1)


@cache
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(pattern, flags)


def _runner(expression: Expression, use: str) -> Callable[[str], object]:
    """Return what runs an expression as the program does."""
    compiled = _compiled(expression.pattern, expression.flags)
    if use in ("search", "match", "fullmatch"):
        method = getattr(compiled, use)
        return lambda text: method(text) is not None
    if use in ("findall", "finditer"):
        return lambda text: sum(1 for _ in compiled.finditer(text))
    return lambda text: compiled.subn("", text)[1]


def _best(run: Callable[[str], object], text: str, tries: int = _TRIES) -> float:
    best = LIMIT * 1000
    for _ in range(tries):
        begun = time.thread_time()
        run(text)
        best = min(best, time.thread_time() - begun)
        if best <= LIMIT:
            break
    return best
