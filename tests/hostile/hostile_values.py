"""Values that a hostile gateway puts in the place of what belongs there."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hostile_texts import KEY, SIGNED


@dataclass(frozen=True)
class Raw:
    """JSON that no value of Python stands for, or that is spelled in an unusual way."""

    text: str


def _spelled(text: str) -> Raw:
    """Spell each sign of a text as an escape, as JSON allows."""
    return Raw('"' + "".join(f"\\u{ord(sign):04X}" for sign in text) + '"')


NUMBERS: tuple[object, ...] = (
    *(
        0,
        1,
        -1,
        2,
        17,
        50,
        100,
        101,
        999,
        3600,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        -(2**63) - 1,
    ),
    *(1_709_123_456_000, 253_402_300_799_999, 253_402_300_800_000, 10**18, 10**30, -(10**30)),
    *(0.5, -0.0, 1e-320, 1e22, 1e308, 1.7976931348623157e308, 2.0**70, 1709123456.5),
    *(
        Raw("NaN"),
        Raw("Infinity"),
        Raw("-Infinity"),
        Raw("1e309"),
        Raw("-1e99999"),
        Raw("1E+400"),
        Raw("1e-99999"),
    ),
    *(Raw("9" * 25), Raw("9" * 4300), Raw("9" * 5000), Raw("-" + "1" * 5000), Raw("0." + "0" * 5000 + "1")),
    *(
        Raw("-0"),
        Raw("1" + "0" * 400),
        Raw("1" + "0" * 400 + ".0"),
        Raw("01"),
        Raw("+1"),
        Raw(".5"),
        Raw("0x1F"),
    ),
)

ODD: tuple[object, ...] = (
    *(None, True, False, [], {}, [[]], [{}], [None], {"": None}, {"a": {}}, [[[[[[[[[[1]]]]]]]]]]),
    *(["a", 1, None, {"b": []}], {"url": "http://host/a.png"}, [{"url": SIGNED}], [{"url": ["http://host"]}]),
    *(
        {"customId": "MJ::JOB::upsample::2::x"},
        [{"customId": "x\ny", "label": "U2"}],
        [{"customId": 5, "label": []}],
    ),
    *({"status": "SUCCESS", "id": "17"}, {"id": {"$ne": 1}}, {"error": {"message": ["a"]}}, {"length": -1}),
    *(Raw("[" * 50 + "]" * 50), Raw("[" * 500 + "]" * 500), Raw("[" * 30_000 + "]" * 30_000)),
    *(
        Raw('{"a":' * 50 + "1" + "}" * 50),
        Raw('{"a":' * 990 + "1" + "}" * 990),
        Raw('{"a":' * 20_000 + "1" + "}" * 20_000),
    ),
    *(
        Raw("undefined"),
        Raw("'a'"),
        Raw(""),
        Raw("/* */ 1"),
        Raw('"\\x41"'),
        Raw('"\\u12"'),
        Raw('"a\nb"'),
        Raw('"'),
    ),
    Raw('"\\ud800\\u0041"'),
    Raw('"\\u0000\\u001b[2J\\r\\n"'),
    *(
        Raw(json.dumps(KEY)),
        Raw(json.dumps(KEY).replace("/", "\\/")),
        Raw(json.dumps(KEY).replace("&", "\\u0026")),
    ),
    *(_spelled(KEY), _spelled(f"the key is {KEY}"), Raw(f'"the key {KEY[:10]}\\u200b{KEY[10:]}"')),
    *(
        {KEY: 1},
        {f"a {KEY}": {"b": KEY}},
        {"k": [KEY]},
        {SIGNED: SIGNED},
        {"a\nb": "c", "\x1b[2J": 1, "\ud800": 2},
    ),
)

CLASSES: tuple[object, ...] = (
    "airflow.sdk.definitions.connection.Connection",
    "airflow.models.connection.Connection",
    "airflow.sdk.definitions.asset.Asset",
    "airflow_provider_mj.gateway.settings.GatewaySettings",
    *(
        "builtins.dict",
        "builtins.tuple",
        "builtins.set",
        "builtins.frozenset",
        "datetime.datetime",
        "decimal.Decimal",
    ),
    *(
        "datetime.timedelta",
        "pandas.core.frame.DataFrame",
        "os.system",
        "no.such.Class",
        "dict",
        "set",
        "tuple",
    ),
    *("timedelta", "timezone", "", 5, None, [], {}),
)

_CONNECTION = {"conn_id": "a", "conn_type": "http", "host": "evil.example"}
SERIALIZED: tuple[dict[str, object], ...] = tuple(
    one
    for name in CLASSES
    for one in (
        {"__type": name, "__var": _CONNECTION},
        {"__classname__": name, "__version__": 1, "__data__": _CONNECTION},
        {"__type": name, "__var": [1, "a"]},
        {"__classname__": name, "__version__": 2, "__data__": 1709123456.0},
        {"__classname__": name},
        {"__id__": name},
    )
)
SERIALIZER_KEYS = (
    *("__type", "__var", "__source", "__classname__", "__data__", "__version__", "__id__", "__schema__"),
    *("__class__", "__dict__", "__init__", "$type", "$ref", "py/object", "serialized", "encoding"),
)
KEYS = (
    *(
        "id",
        "status",
        "action",
        "prompt",
        "promptEn",
        "description",
        "state",
        "submitTime",
        "progress",
        "imageUrl",
    ),
    *(
        "imageUrls",
        "videoUrl",
        "videoUrls",
        "failReason",
        "buttons",
        "seed",
        "cost",
        "properties",
        "customId",
    ),
    *(
        "label",
        "emoji",
        "type",
        "style",
        "url",
        "code",
        "result",
        "error",
        "message",
        "msg",
        "success",
        "data",
    ),
    *(
        "finalPrompt",
        "finalZhPrompt",
        "parentId",
        "notifyHook",
        "xBASE64",
        "ID",
        "Status",
        "",
        "a\nb",
        "\ud800",
        "\0",
    ),
    *("k" * 300, "k" * 70_000, *SERIALIZER_KEYS),
)
