"""Drawings that stand for pictures: the same picture always gives the same bytes. Needs Pillow."""

from __future__ import annotations

import colorsys
import io
import math
import random
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter, ImageFont

if TYPE_CHECKING:
    from .course import Picture

SIZE = 1024
"""Width and height of a picture, pixels."""
CLIP_SIZE = 256
"""Width and height of a clip, pixels."""
MARGIN = 0.08
"""Share of a quarter's width and height, at its upper left, that has its plain sky colour."""

Colour = tuple[int, int, int]


def quarter_colours(seed: str) -> tuple[Colour, Colour, Colour, Colour]:
    """Return the sky colours of quarters 1 (upper left), 2 (upper right), 3 (lower left), 4 (lower right).

    The upper left `MARGIN` of each quarter has exactly this colour, in the grid and in the upscale.

    :param seed: the seed of the picture
    """
    hue = random.Random(f"hue {seed}").random()
    first, second, third, fourth = (_colour(hue + n / 4, 0.55, 0.9) for n in range(4))
    return first, second, third, fourth


@lru_cache(maxsize=32)
def draw(picture: Picture, *, preview: bool = False) -> bytes:
    """Draw a picture.

    :param picture: what is on it
    :param preview: blur it, as a gateway shows an unfinished one
    :return: PNG, `SIZE` by `SIZE`
    """
    if picture.quarter is not None:
        image = _scene(picture.seed, picture.quarter, SIZE)
    else:
        image = _grid(picture.seed)
    _write(image, picture.text)
    if preview:
        image = image.filter(ImageFilter.GaussianBlur(SIZE / 40))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


@lru_cache(maxsize=8)
def animate(picture: Picture, clip: int) -> bytes:
    """Draw a clip: one quarter of a picture, slowly coming nearer.

    :param picture: what is on it
    :param clip: which quarter, from 0
    :return: GIF, `CLIP_SIZE` by `CLIP_SIZE`, without an end
    """
    scene = _scene(picture.seed, clip % 4 + 1, SIZE)
    crops = (scene.crop((step, step, SIZE - step, SIZE - step)) for step in range(0, SIZE // 8, SIZE // 64))
    first, *others = (crop.resize((CLIP_SIZE, CLIP_SIZE)) for crop in crops)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=120, loop=0)
    return buffer.getvalue()


def _grid(seed: str) -> Image.Image:
    half = SIZE // 2
    image = Image.new("RGB", (SIZE, SIZE))
    for quarter in range(1, 5):
        image.paste(_scene(seed, quarter, half), ((quarter - 1) % 2 * half, (quarter - 1) // 2 * half))
    return image


def _scene(seed: str, quarter: int, size: int) -> Image.Image:
    """Draw one quarter: a sky, a sun, three ranges of hills, and its number."""
    chance = random.Random(f"{seed} {quarter}")
    sky = quarter_colours(seed)[quarter - 1]
    image = Image.new("RGB", (size, size), sky)
    pen = ImageDraw.Draw(image)
    x, y, r = (size * chance.uniform(*span) for span in ((0.35, 0.8), (0.25, 0.4), (0.09, 0.16)))
    pen.ellipse((x - r, y - r, x + r, y + r), fill=_mix(sky, (255, 255, 255), 0.6))
    for depth in range(3):
        pen.polygon(
            _hills(chance, size, 0.5 + 0.13 * depth), fill=_mix(sky, (20, 24, 48), 0.25 + 0.2 * depth)
        )
    _number(pen, quarter, size)
    return image


def _hills(chance: random.Random, size: int, height: float) -> list[tuple[float, float]]:
    waves = [
        (chance.uniform(0.5, 2.5), chance.uniform(0, math.tau), chance.uniform(0.02, 0.06)) for _ in range(3)
    ]
    steps = 64
    outline = []
    for step in range(steps + 1):
        share = step / steps
        lift = sum(depth * math.sin(math.tau * pace * share + phase) for pace, phase, depth in waves)
        outline.append((size * share, size * (height + lift)))
    return [(0, size), *outline, (size, size)]


def _number(pen: ImageDraw.ImageDraw, quarter: int, size: int) -> None:
    centre, font = (size / 2, size * 0.42), ImageFont.load_default(size * 0.45)
    shadow = (centre[0] + size * 0.012, centre[1] + size * 0.012)
    pen.text(shadow, str(quarter), font=font, fill=(20, 24, 48), anchor="mm")
    pen.text(centre, str(quarter), font=font, fill=(255, 255, 255), anchor="mm")


def _write(image: Image.Image, text: str) -> None:
    """Write the prompt on a dark band at the lower edge, and above it that this is a drawing."""
    font, small = ImageFont.load_default(30), ImageFont.load_default(18)
    lines = _wrap(text, font, SIZE - 64, most=4)
    top = SIZE - 40 * len(lines) - 56
    band = Image.new("RGB", (SIZE, SIZE - top), (16, 18, 32))
    image.paste(Image.blend(image.crop((0, top, SIZE, SIZE)), band, 0.78), (0, top))
    pen = ImageDraw.Draw(image)
    pen.text(
        (32, top + 12),
        "airflow-provider-mj sandbox: a drawing, not a generated image",
        font=small,
        fill=(190, 196, 220),
    )
    for index, line in enumerate(lines):
        pen.text((32, top + 38 + 40 * index), line, font=font, fill=(255, 255, 255))


def _wrap(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float, most: int
) -> list[str]:
    """Break a text into at most `most` lines of `width` pixels; a word that is too long is broken as well."""
    printable = "".join(char if char.isprintable() else " " for char in text[:400])
    lines = [""]
    for word in printable.split():
        if font.getlength(f"{lines[-1]} {word}".strip()) <= width:
            lines[-1] = f"{lines[-1]} {word}".strip()
            continue
        lines.append("")
        for char in word:
            if font.getlength(lines[-1] + char) > width:
                lines.append("")
            lines[-1] += char
    kept = [line for line in lines if line]
    return kept if len(kept) <= most else [*kept[: most - 1], kept[most - 1][:-1] + "…"]


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
