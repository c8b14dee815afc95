"""Draw the pictures of this example: outlines of chests with and without a shadow, of invented patients.

They look like X-rays from afar and are none: everything in them is drawn from random numbers, so that they teach
nothing about patients. `python examples/x-ray/draw.py` writes images/ and labels.csv anew, always the same.
"""

import csv
import io
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HERE = Path(__file__).parent
SIDE, FINE = 48, 96  # pixels, as saved and as drawn
PATIENTS = 500
LABELS = ("clear", "shadow", "cannot tell")
Field = NDArray[np.float64]
Y, X = np.mgrid[0:FINE, 0:FINE] / FINE


@dataclass(frozen=True, slots=True)
class Patient:
    """The anatomy of an invented patient, and the place, size and strength of a shadow; strength 0: none."""

    wide: float  # of a lung
    high: float
    apart: float  # of the lungs' middles
    heart: float
    ribs: int
    slope: float  # of the ribs
    tissue: float  # brightness around the lungs
    x: float
    y: float
    size: float
    strength: float


def patient(order: random.Random) -> Patient:
    """Draw a patient; about half of them have a shadow."""
    side = order.choice((-1, 1))
    apart = order.uniform(0.17, 0.22)
    return Patient(
        wide=order.uniform(0.12, 0.17),
        high=order.uniform(0.26, 0.36),
        apart=apart,
        heart=order.uniform(0.09, 0.15),
        ribs=order.randint(5, 8),
        slope=order.uniform(0.15, 0.5),
        tissue=order.uniform(0.5, 0.7),
        x=0.5 + side * apart + order.uniform(-0.05, 0.05),
        y=order.uniform(0.36, 0.68),
        size=order.uniform(0.05, 0.1),
        strength=order.uniform(0.28, 0.5) if order.random() < 0.5 else 0.0,
    )


def spot(x: float, y: float, wide: float, high: float, soft: float = 4.0) -> Field:
    """An ellipse with a soft edge: 1 inside, 0 outside."""
    far = np.sqrt(((X - x) / wide) ** 2 + ((Y - y) / high) ** 2)
    return 1 / (1 + np.exp((far - 1) * soft * 3))


def anatomy(one: Patient) -> Field:
    """The chest of a patient, without noise."""
    body = spot(0.5, 0.6, 0.46, 0.62)
    lungs = spot(0.5 - one.apart, 0.5, one.wide, one.high) + spot(0.5 + one.apart, 0.52, one.wide, one.high)
    picture = body * one.tissue
    picture -= np.clip(lungs, 0, 1) * (one.tissue - 0.12)
    for rib in range(one.ribs):
        line = 0.24 + rib * 0.56 / one.ribs + one.slope * np.abs(X - 0.5)
        picture += 0.07 * np.exp(-(((Y - line) / 0.013) ** 2)) * body
    picture += 0.3 * spot(0.53, 0.62, one.heart, 0.17)
    picture += 0.25 * np.exp(-(((X - 0.5) / 0.045) ** 2)) * body
    return picture + one.strength * spot(one.x, one.y, one.size, one.size * 1.2, soft=1.2)


def exposed(picture: Field, order: random.Random, spoilt: bool) -> Image.Image:
    """A picture with the rotation, exposure and noise of one visit; a spoilt one shows too little to tell."""
    image = Image.fromarray((picture.clip(0, 1) * 255).astype(np.uint8))
    angle = order.uniform(-7, 7)
    image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=0).resize((SIDE, SIDE), Image.Resampling.BOX)
    values = np.asarray(image, dtype=np.float64) / 255
    noise = np.random.default_rng(order.getrandbits(32)).normal(0, 1, values.shape)
    if spoilt:
        way = order.choice(("dark", "light", "noise"))
        change = {"dark": values * 0.12, "light": 0.86 + values * 0.14, "noise": 0.35 + values * 0.15}[way]
        values = change + noise * (0.22 if way == "noise" else 0.02)
    else:
        values = values * order.uniform(0.85, 1.2) + order.uniform(-0.04, 0.06) + noise * order.uniform(0.015, 0.045)
    return Image.fromarray((values.clip(0, 1) * 255).astype(np.uint8))


def main() -> None:
    """Write the images and the table of their labels."""
    order = random.Random(2024)
    folder = HERE / "images"
    folder.mkdir(exist_ok=True)
    rows = []
    for number in range(PATIENTS):
        one = patient(order)
        for visit in range(order.choice((1, 2, 2, 3))):
            spoilt = order.random() < 0.2
            name = f"images/{number:03}-{visit + 1}.png"
            buffer = io.BytesIO()
            exposed(anatomy(one), order, spoilt).save(buffer, "PNG", optimize=True)
            (HERE / name).write_bytes(buffer.getvalue())
            label = LABELS[2] if spoilt else LABELS[bool(one.strength)]
            rows.append((name, f"patient {number:03}", label))
    with (HERE / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("image", "patient", "label"), *rows])


if __name__ == "__main__":
    main()
