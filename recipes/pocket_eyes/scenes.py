"""Pictures drawn for the recipe, each with what is in it and questions about it."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from recipes.pocket_eyes.settings import COLOURS, LETTERS, MAX_LETTERS, SHAPES, SIDE, TEXTURES

FINE = 2 * SIDE  # pictures are drawn at twice their size
Colour = tuple[int, int, int]
NUMBERS = ("0", "1", "2", "3", "4", "5", "6")
SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, its kind, what is in it as class numbers by name, and questions with their answers."""

    image: Image.Image
    kind: str
    facts: dict[str, int]
    questions: tuple[tuple[str, str], ...]
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of some answers, by question


def draw(order: random.Random) -> Scene:
    """Draw a random scene."""
    [name] = order.choices(KINDS, SHARES)
    scene = MAKERS[name](order)
    image = _photographed(scene.image.resize((SIDE, SIDE), Image.Resampling.BOX), order, gray=name not in COLOURED)
    return Scene(image, name, scene.facts | {"kind": KINDS.index(name)}, scene.questions, scene.options)


def _photographed(image: Image.Image, order: random.Random, gray: bool) -> Image.Image:
    """The picture with noise, blur and another exposure, as pictures of the world have them."""
    if gray and order.random() < 0.6:
        image = image.convert("L").convert("RGB")
    if order.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(order.uniform(0.3, 1.1)))
    pixels = np.asarray(image, dtype=np.float32)
    pixels = pixels * order.uniform(0.8, 1.15) + order.uniform(-12, 12)
    if order.random() < 0.5:
        noise = np.random.default_rng(order.getrandbits(32)).normal(0, order.uniform(1, 9), pixels.shape)
        pixels = pixels + noise.astype(np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _canvas(order: random.Random, colour: Colour) -> tuple[Image.Image, "ImageDraw.ImageDraw"]:
    image = Image.new("RGB", (FINE, FINE), colour)
    return image, ImageDraw.Draw(image)


def _two(order: random.Random) -> tuple[str, str]:
    """Names of two colours that differ well."""
    while True:
        front, back = order.sample(list(COLOURS), 2)
        if sum(abs(a - b) for a, b in zip(COLOURS[front], COLOURS[back], strict=True)) > 180:
            return front, back


def _shapes(order: random.Random) -> Scene:
    front, back = _two(order)
    image, pen = _canvas(order, COLOURS[back])
    shape, count = order.choice(SHAPES), order.choice((1, 1, 2, 3, 4, 5))
    radius = order.uniform(24, 44) if count == 1 else order.uniform(11, 17)
    for x, y in _places(order, count, radius):
        _shape(pen, shape, x, y, radius, COLOURS[front], order)
    many = f"{shape}s" if shape != "cross" else "crosses"
    questions = (
        ("Which shape is in the picture?", shape),
        (f"How many {many} are in the picture?", NUMBERS[count]),
        (f"What colour {'is the ' + shape if count == 1 else 'are the ' + many}?", front),
        ("What colour is the background?", back),
    )
    colours = list(COLOURS)
    facts = {
        "shape": SHAPES.index(shape),
        "count": count,
        "front": colours.index(front),
        "back": colours.index(back),
    }
    options = {questions[0][0]: SHAPES, questions[2][0]: tuple(COLOURS), questions[3][0]: tuple(COLOURS)}
    return Scene(image, "", facts, questions, options)


def _places(order: random.Random, count: int, radius: float) -> list[tuple[float, float]]:
    """Places of shapes that do not touch."""
    places: list[tuple[float, float]] = []
    for _ in range(400):
        x, y = (order.uniform(radius + 2, FINE - radius - 2) for _ in range(2))
        if all(math.hypot(x - a, y - b) > 2.25 * radius for a, b in places):
            places.append((x, y))
        if len(places) == count:
            return places
    return _places(order, count, radius * 0.9)


def _shape(
    pen: "ImageDraw.ImageDraw", shape: str, x: float, y: float, r: float, fill: Colour, order: random.Random
) -> None:
    turn = order.uniform(-0.35, 0.35)

    def at(angle: float, far: float) -> tuple[float, float]:
        return x + far * math.sin(angle + turn), y - far * math.cos(angle + turn)

    corners = {"triangle": 3, "square": 4}
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    elif shape == "ring":
        pen.ellipse((x - r, y - r, x + r, y + r), outline=fill, width=max(3, int(r * 0.3)))
    elif shape in corners:
        n = corners[shape]
        shift = math.pi / 4 if n == 4 else 0.0
        pen.polygon([at(2 * math.pi * i / n + shift, r) for i in range(n)], fill=fill)
    elif shape == "star":
        pen.polygon([at(math.pi * i / 5, r if i % 2 == 0 else r * 0.42) for i in range(10)], fill=fill)
    elif shape == "heart":
        curve = [2 * math.pi * i / 30 for i in range(30)]
        pen.polygon(
            [
                (
                    x + r / 17 * 16 * math.sin(t) ** 3,
                    y - r / 17 * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)),
                )
                for t in curve
            ],
            fill=fill,
        )
    else:
        width = max(3, int(r * (0.45 if shape == "cross" else 0.3)))
        for angle in (0.0, math.pi / 2)[: 2 if shape == "cross" else 1]:
            pen.line([at(angle, r), at(angle + math.pi, r)], fill=fill, width=width)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _written(text: str, order: random.Random, largest: int) -> Image.Image:
    """A text in one colour on another, turned a little."""
    front, back = _two(order)
    image, pen = _canvas(order, COLOURS[back])
    font = _font(order.randrange(int(largest * 0.72), largest))
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    wide, high = right - left, bottom - top
    slack = [max(0.0, FINE - size - 8) / 2 for size in (wide, high)]
    x, y = (
        (FINE - size) / 2 + order.uniform(-1, 1) * free - start
        for size, free, start in zip((wide, high), slack, (left, top), strict=True)
    )
    pen.text(
        (x, y),
        text,
        font=font,
        fill=COLOURS[front],
        stroke_width=order.choice((0, 0, 1, 2)),
        stroke_fill=COLOURS[front],
    )
    return image.rotate(order.uniform(-8, 8), Image.Resampling.BILINEAR, fillcolor=COLOURS[back])


def _word(order: random.Random) -> Scene:
    [length] = order.choices(range(1, MAX_LETTERS + 1), (5, 3, 1, 1))
    text = "".join(order.choice(LETTERS) for _ in range(length))
    image = _written(text, order, {1: 100, 2: 72, 3: 52, 4: 42}[length])
    facts = {f"letter {i}": LETTERS.index(text[i]) if i < length else len(LETTERS) for i in range(MAX_LETTERS)}
    return Scene(image, "", facts, (("What does the picture say?", " ".join(text)),))


@cache
def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The hand-written digits that scikit-learn ships: 8 x 8 pixels with values to 16, and their labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images, found.target


def _digit(order: random.Random) -> Scene:
    pictures, labels = digits()
    if order.random() < 0.5:
        value = order.randrange(10)
        image = _written(str(value), order, 110)
    else:
        number = order.randrange(TEST_DIGITS, len(labels))
        value, image = int(labels[number]), as_picture(pictures[number], order)
    answer = str(value)
    return Scene(image, "", {"digit": value}, (("Which digit is in the picture?", answer),))


TEST_DIGITS = 360  # the first ones are never trained on


def as_picture(pixels: NDArray[np.float64], order: random.Random) -> Image.Image:
    """A digit of scikit-learn in the size in which scenes are drawn; light on dark or dark on light."""
    values = (pixels / 16 * 255).astype(np.uint8)
    values = 255 - values if order.random() < 0.5 else values
    side = order.randrange(int(FINE * 0.6), FINE + 1)
    small = Image.fromarray(values).resize((side, side), Image.Resampling.BICUBIC)
    image = Image.new("L", (FINE, FINE), int(values[0, 0]))
    image.paste(small, (order.randint(0, FINE - side), order.randint(0, FINE - side)))
    return image.convert("RGB")


def _chart(order: random.Random) -> Scene:
    count = order.randint(2, 4)
    back = order.choice(("white", "white", "black"))
    names = order.sample([name for name in COLOURS if name != back], count)
    heights = [float(i + 1) for i in range(count)]
    order.shuffle(heights)
    heights = [h / count * 0.92 + order.uniform(-0.07, 0.07) for h in heights]
    image, pen = _canvas(order, COLOURS[back])
    step = (FINE - 16) / count
    for i, (name, height) in enumerate(zip(names, heights, strict=True)):
        left = 8 + i * step + step * 0.12
        top = FINE - 8 - height * (FINE - 18)
        pen.rectangle((left, top, left + step * 0.76, FINE - 8), fill=COLOURS[name])
    pen.line((4, FINE - 8, FINE - 4, FINE - 8), fill=(128, 128, 128), width=3)
    tall, short = (names[heights.index(f(heights))] for f in (max, min))
    questions = (
        ("What colour is the tallest bar?", tall),
        ("What colour is the shortest bar?", short),
        ("How many bars does the chart have?", NUMBERS[count]),
    )
    colours = list(COLOURS)
    facts = {"tallest": colours.index(tall), "shortest": colours.index(short), "bars": count}
    return Scene(image, "", facts, questions)


def _texture(order: random.Random) -> Scene:
    front, back = (np.array(COLOURS[name], dtype=np.float32) for name in _two(order))
    name, period, phase = order.choice(TEXTURES), order.uniform(14, 40), order.uniform(0, 40)
    y, x = np.mgrid[0:FINE, 0:FINE].astype(np.float32)
    wave = 2 * np.pi / period
    if name == "noise":
        random_field = np.random.default_rng(order.getrandbits(32)).random((FINE // 4, FINE // 4))
        level = np.kron(random_field, np.ones((4, 4)))
    elif name == "plain":
        level = np.zeros((FINE, FINE))
    else:
        slope = order.choice((-1, 1))
        along = {"horizontal stripes": y, "vertical stripes": x, "diagonal stripes": (x + slope * y) * 0.707}
        waves = np.sin(wave * x + phase) * np.sin(wave * y + phase)
        level = np.sin(wave * along[name] + phase) if name in along else waves
        level = ((level > 0.5) if name == "dots" else (level > 0)).astype(np.float32)
    pixels = back + (front - back) * level[..., None]
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    question = "Which texture does the picture have?"
    return Scene(image, "", {"texture": TEXTURES.index(name)}, ((question, name),), {question: TEXTURES})


def _cloud(order: random.Random) -> Scene:
    """A gray picture with soft structure, in which a bright patch may lie on one side."""
    chance = np.random.default_rng(order.getrandbits(32))
    coarse = Image.fromarray((chance.random((8, 8)) * 255).astype(np.uint8))
    soft = np.asarray(coarse.resize((FINE, FINE), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    level = order.uniform(0.15, 0.45) + (soft - 0.5) * order.uniform(0.05, 0.35)
    y, x = np.mgrid[0:FINE, 0:FINE].astype(np.float32) / FINE
    patch, where = order.random() < 0.6, order.randrange(4)
    if patch:
        centre = {0: (0.25, 0.5), 1: (0.75, 0.5), 2: (0.5, 0.25), 3: (0.5, 0.75)}[where]
        far = [order.uniform(0.08, 0.2) for _ in range(2)]
        shift = [order.uniform(-0.09, 0.09) for _ in range(2)]
        distance = ((x - centre[0] - shift[0]) / far[0]) ** 2 + ((y - centre[1] - shift[1]) / far[1]) ** 2
        level = level + order.uniform(0.2, 0.5) * np.exp(-distance)
    image = Image.fromarray((level.clip(0, 1) * 255).astype(np.uint8)).convert("RGB")
    questions = [("Is there a bright patch in the picture?", "yes" if patch else "no")]
    if patch:
        questions.append(("On which side is the bright patch?", SIDES[where]))
    facts = {"patch": int(patch)} | ({"side": where} if patch else {})
    return Scene(image, "", facts, tuple(questions), {questions[0][0]: ("yes", "no")})


MAKERS: dict[str, Callable[[random.Random], Scene]] = {
    "shapes": _shapes,
    "word": _word,
    "digit": _digit,
    "chart": _chart,
    "texture": _texture,
    "cloud": _cloud,
}
KINDS = tuple(MAKERS)
SHARES = (3, 2, 3, 1.5, 1, 1)  # of scenes, by kind
COLOURED = ("shapes", "chart")
# The number of classes of each fact, for the heads that the tower learns with.
FACTS = {
    "kind": len(KINDS),
    "shape": len(SHAPES),
    "count": 6,
    "front": len(COLOURS),
    "back": len(COLOURS),
    "digit": 10,
    "tallest": len(COLOURS),
    "shortest": len(COLOURS),
    "bars": 5,
    "texture": len(TEXTURES),
    "patch": 2,
    "side": len(SIDES),
} | {f"letter {i}": len(LETTERS) + 1 for i in range(MAX_LETTERS)}
