"""What a wish is known again by: its arguments as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_mj.operators.fields import PictureField, Sealed, as_written

DISCORD = "https://cdn.discordapp.com/attachments/1/2/a.png"
SIGNED = f"{DISCORD}?ex=66aa&is=66ab&hm=0123abcd"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SIGNED, f"{DISCORD}?ex=77aa&is=77ab&hm=ffff0000"),
        (SIGNED, DISCORD),
        (f"{SIGNED}&width=64", f"{DISCORD}?width=64"),
        (f"{SIGNED} a red fox --ar 1:1", f"{DISCORD}?ex=1&is=2&hm=3 a red fox --ar 1:1"),
        ("https://b.s3.example/a.png?X-Amz-Date=1&X-Amz-Signature=2", "https://b.s3.example/a.png"),
        ("https://storage.example/a?x-goog-signature=1&X-Goog-Date=2", "https://storage.example/a"),
        ("https://acc.blob.example/a?sv=1&se=2&sp=r&sig=3", "https://acc.blob.example/a"),
        (Sealed("a.png"), "a.png"),
        (Path("/pictures/a.png"), "/pictures/a.png"),
        ({"id": "17", "status": "SUCCESS", "imageUrl": SIGNED}, {"id": "17", "status": "FAILURE"}),
        (b"bytes", bytearray(b"bytes")),
    ],
)
def test_the_same_is_written_alike(one: object, other: object) -> None:
    assert as_written(one) == as_written(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{SIGNED} a red fox", f"{SIGNED} a blue hen"),
        (f"{SIGNED}\na red fox", f"{SIGNED}\na blue hen"),
        ("https://r.example/render?st=forest", "https://r.example/render?st=desert"),
        ("https://r.example/a?is=1&ex=2", "https://r.example/a?is=3&ex=4"),
        ("https://r.example/a?signature=1", "https://r.example/a?signature=2"),
        ("a fox? hm=1&ex=2&is=3", "a fox? hm=4&ex=5&is=6"),
        (b"bytes", b"other bytes"),
        (["a", "b"], ["b", "a"]),
        ("x" * 5000, "x" * 5001),
    ],
)
def test_what_differs_is_written_otherwise(one: object, other: object) -> None:
    assert as_written(one) != as_written(other)


def test_pictures_that_can_be_read_once_are_kept_when_they_are_named() -> None:
    kept = PictureField().keep(iter(["a.png", "b.png"]))
    assert as_written(kept) == as_written(kept) == ["a.png", "b.png"]
