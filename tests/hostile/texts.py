"""What a hostile or broken gateway may send: texts, numbers, structures, links, keys, headers."""

from __future__ import annotations

import html
import json
from typing import Any
from urllib.parse import quote

MIB = 1024 * 1024

KEY = "sk-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0UvWxYz"

CONTROLS = (
    "\x00",
    "\x07",
    "\x08",
    "\x0b",
    "\x0c",
    "\r",
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x7f",
    "\x85",
    "\x9b2J",
)
LINE_ENDS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
MARKS = ("\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069")
HALVES = ("\ud800", "\udc00", "\udfff\ud800")

# 1 MB each, but for the last: what made a regular expression of this package go back, or any other's.
LONG = (
    *(
        "1" + " " * MIB + "x",
        " " * MIB + "null" + " " * MIB + "x",
        "insert_" * (MIB // 7),
        "queue" * (MIB // 5),
    ),
    *(
        "video::1::" + "::x" * (MIB // 3),
        "9" * MIB,
        "_" * MIB,
        "\n" * MIB,
        "[[" * (MIB // 2),
        "a.b" * (MIB // 3),
    ),
    *("\\u0041" * (MIB // 6), "%25" * (MIB // 3), "&#" * (MIB // 2), "&#" + "9" * MIB, "@://" * (MIB // 4)),
    *(
        "\u202e" * MIB,
        "1\ufe0f\u20e3" * (MIB // 3),
        "data:" + "a" * MIB,
        "http://" + "a" * MIB,
        "\ud800" * MIB,
    ),
)

TEXTS = (
    *(
        "",
        " ",
        "null",
        "None",
        "true",
        "0",
        "{{ conn.x.password }}",
        "{% raw %}",
        "%s %d %(a)s {0} {a.__class__}",
    ),
    *(
        "../../etc/passwd",
        "C:\\x",
        "-rf",
        "<script>alert(1)</script>",
        "'; DROP TABLE dag; --",
        "::",
        "MJ::::",
    ),
    *(f"a{control}b" for control in (*CONTROLS, *LINE_ENDS, *MARKS, *HALVES)),
    "a\n[2026-01-01 00:00:00] ERROR - all is lost",
)

NUMBERS = (
    *(0, -1, 2**31, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400, 1.5, -0.0, 1e308, 5e-324),
    *(float("inf"), float("-inf"), float("nan"), True, False),
    *(
        "1e999",
        "-1e999",
        "9" * 5000,
        "٣",
        "1_000",
        "0x10",
        " 7 ",
        "+5",
        "--5",
        "1e5",
        "infinity",
        "nan",
        "½",
        "²",
    ),
)
# As JSON has them, since Python's own writer would not.
JSON_NUMBERS = (
    "9" * 5000,
    "-" + "9" * 5000,
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "-Infinity",
    "1" * 4300 + ".5",
)

# Keys that mean something to Airflow's serializers, in 2.11 to 3.4.
AIRFLOW_KEYS = (
    *("__classname__", "__version__", "__data__", "__id__", "__cache__", "__type", "__var", "__source"),
    *("__class__", "__dict__", "__init__", "__reduce__"),
)
DISGUISES = ("{}", "\x00{}", "{}\x00", "_\x00_{0}", "\u202e{}", "\x1b{}", " {}")


def disguised(key: str) -> list[str]:
    """Return a key of Airflow's with what a cleaner may take out again."""
    bare = key.removeprefix("__")
    return [way.format(bare if "_\x00_" in way else key) for way in DISGUISES]


def objects_of_airflow() -> list[dict[str, Any]]:
    """Return what Airflow would make objects of, or fail at."""
    connection = "airflow.sdk.definitions.connection.Connection"
    return [
        {"__type": connection, "__var": {"conn_id": "x", "password": "y"}},
        {"__type": "dict", "__var": {"__type": "set", "__var": [1]}},
        {"__classname__": connection, "__version__": 1, "__data__": {"conn_id": "x"}},
        {"__classname__": "builtins.set", "__version__": 1, "__data__": [1]},
        {"__classname__": "no.such.Thing", "__version__": 0},
        {"__classname__": 5, "__version__": "x"},
        {"__id__": "https://schema.example/1", "__version__": 1},
        {"__type": "datetime", "__var": 10**30},
    ]


def nest(depth: int, kind: str = "both") -> Any:
    """Return objects and lists inside of each other."""
    value: Any = "end"
    for level in range(depth):
        value = {"a": value} if kind == "dict" or (kind == "both" and level % 2) else [value]
    return value


STRUCTURES: tuple[Any, ...] = (
    *(None, [], {}, [[]], [{}], {"": ""}, [None] * 5, "text", 5, True),
    *(nest(6), nest(50), nest(300, "dict"), nest(300, "list")),
    *({str(n): n for n in range(5000)}, [0] * 5000, [{"a": n} for n in range(5000)]),
    *({"k" * 5000: 1}, {f"k{n}": "x" * 8000 for n in range(90)}, [["x" * 8000] * 30] * 9),
    *objects_of_airflow(),
    [{"x": one} for one in objects_of_airflow()],
)

# Too much for an event loop to wait for; each is one answer.
HEAVY = {
    "lists": "[" + "[]," * 2_700_000 + "[]]",
    "objects": "[" + "{}," * 2_700_000 + "{}]",
    "lists inside of lists": "[" + ("[" * 100 + "]" * 100 + ",") * 5_000 + "1]",
    "numbers": "[" + "1," * 4_100_000 + "1]",
    "fractions": "[" + "1e300," * 1_300_000 + "1]",
    "keys": "{" + ",".join(f'"{n:x}":"{n:x}"' for n in range(400_000)) + "}",
    "long numbers": "[" + ("9" * 4299 + ",") * 1_900 + "1]",
    "too long numbers": "[" + ("9" * 5000 + ",") * 1_600 + "1]",
    "deep": "[" * 8_000_000,
    "deep objects": '{"a":' * 1_600_000,
    "a text": '"' + "\\u0041" * 1_300_000 + '"',
    "a key": '{"' + "k" * 8_000_000 + '": 1}',
    "blanks": " " * 8_000_000 + "x",
}

NO_LINKS = (
    *("", " ", "http://", "https:///x", "http:///x", "//host/x", "/home/x/passport.png", "passport.png"),
    *("file:///etc/passwd", "FILE:///etc/passwd", "s3://bucket/key", "ftp://host/x", "gopher://host/x"),
    *(
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "blob:http://host/x",
        "http:host/x",
        "http:/host/x",
    ),
    *("http://[::1@]x/", "http://[::1", "http://::1]/", "http://[]/", "http://[::1]x/", "http://[x]/"),
    *(
        "http://[fe80::1%eth0]/x",
        "http://[fe80::1%25eth0]/x",
        "http://[::1]:x/",
        "http://host:99999/",
        "http://host:0/",
    ),
    *(
        "http://host:-1/",
        "http://host:8 0/",
        "http://host:٣/",
        "http://ho st/",
        "http://host/a b",
        "http://host/\x00",
    ),
    *(
        "http://host/\n/",
        "http://host/a\nb",
        "http://ho\tst/x",
        "http://host\\@evil/",
        "http://host/a\\b",
        "http://a..b/",
    ),
    *(
        "http://.host/",
        "http://%00/",
        "http://host%2f/",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 127 + "a/",
    ),
    *(
        "http://\u2028host/",
        "http://host/\u202egpj.exe",
        "http://ho\u200bst/x",
        "http://host／x/",
        "http://é" + "é" * 70,
    ),
    "http://host/" + "a" * 5000,
    *(None, 0, 1.5, True, [], {}, {"url": 5}, ["http://host/x"]),
)
LINKS = {
    "https://cdn.example/a.png?ex=1&hm=2&": "https://cdn.example/a.png?ex=1&hm=2&",
    " http://localhost:3000/mj/image/1 ": "http://localhost:3000/mj/image/1",
    "http://[::1]:8090/x": "http://[::1]:8090/x",
    "http://user:pw@host/x": "http://host/x",
    "http://a@b@host:80/x": "http://host:80/x",
    "https://Host.Example/X": "https://host.example/X",
    "https://bücher.example/ü.png": "https://bücher.example/ü.png",
    "http://under_score.example./x": "http://under_score.example./x",
    "HTTP://host:/x": "http://host/x",
}

RETRY_AFTER = (
    *(
        "Wed, 1 Apr 10000 99999999999:1:1 GMT",
        "Wed, 1 Apr 10000 00:00:00 GMT",
        "Wed, 99 Apr 2026 00:00:00 GMT",
    ),
    *("Wed, 1 Apr 2026 25:61:61 GMT", "Wed, 1 Apr 2026 00:00:00 +9999", "Wed, 1 Apr 0000 00:00:00 GMT"),
    *(
        "Wed, 1 Apr 2026 00:00:00 " + "x" * 5000,
        "٣",
        "²",
        "1e5",
        "-1",
        "0x1",
        ",,,",
        ":::",
        "a" * 5000,
        "9" * 61 + "x",
    ),
    *(
        "Thu, 01 Jan 1970 00:00:00 GMT" * 50,
        "\x00",
        "1 2 3",
        "Mon,",
        "0 0 0 0 0",
        "Wed, 1 Apr -1 00:00:00 GMT",
    ),
)

LOCATIONS = (
    *(
        "http://[",
        "//[x",
        "\x00",
        "http://host:99999/",
        "javascript:alert(1)",
        "http://[::1@]x/",
        "http://a\x1b[31mb/",
    ),
    *(
        f"https://evil.example/{KEY}?token=1",
        f"https://evil.example/{quote(KEY.replace('S', '%53'))}",
        "x" * 100_000,
    ),
)


def spellings(key: str = KEY) -> dict[str, str]:
    """Return how JSON, addresses and pages may write a key."""

    def each(way: str) -> str:
        return "".join(way % ord(character) for character in key)

    percent = each("%%%02x")
    return {
        "plain": key,
        "without its prefix": key.removeprefix("sk-"),
        "in a header": f"Bearer {key}",
        "JSON": each("\\u%04x"),
        "JSON in capitals": each("\\u%04X"),
        "JSON in JSON": json.dumps(each("\\u%04x"))[1:-1],
        "one letter in JSON": f"{key[:10]}\\u{ord(key[10]):04x}{key[11:]}",
        "slashes": "".join("\\" + character for character in key),
        "bytes": each("\\x%02x"),
        "an address": percent,
        "an address in capitals": each("%%%02X"),
        "twice an address": quote(percent),
        "thrice an address": quote(quote(percent)),
        "a page": each("&#%d;"),
        "a page with zeros": each("&#%05d;"),
        "a page in hex": each("&#x%X;"),
        "a page without ends": each("&#x%x"),
        "twice a page": html.escape(each("&#%d;")),
        "an address in JSON": each("\\u0025%02x"),
        "a page in an address": quote(each("&#%d;")),
    }
