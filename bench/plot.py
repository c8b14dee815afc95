"""Line plots with logarithmic axes as one SVG file."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 280, 62, 92, 34, 44  # of one panel, in pixels
ACROSS = 2  # panels per row
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad")

Lines = Mapping[str, Sequence[tuple[float, float]]]


def plot(path: Path, panels: Sequence[tuple[str, str, Lines]]) -> None:
    """Write panels (title, label of the x axis, lines by name), two per row; the y axis spans powers of ten."""
    drawn = [
        f'<g transform="translate({number % ACROSS * WIDTH} {number // ACROSS * HEIGHT})">{_panel(*panel)}</g>'
        for number, panel in enumerate(panels)
    ]
    size = f'width="{WIDTH * ACROSS}" height="{HEIGHT * -(-len(panels) // ACROSS)}"'
    style = "<style>text{font:11px sans-serif;fill:#333}</style>"
    background = f'<rect {size} fill="#fff"/>'
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{background}{"".join(drawn)}</svg>\n', encoding="utf-8"
    )


def _panel(title: str, axis: str, lines: Lines) -> str:
    xs = sorted({x for points in lines.values() for x, _ in points})
    ys = [math.log10(y) for points in lines.values() for _, y in points]
    lowest, highest = math.floor(min(ys)), math.ceil(max(ys))

    def across(x: float) -> float:
        span = math.log(xs[-1] / xs[0]) or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / xs[0]) / span

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (math.log10(y) - lowest) / (highest - lowest)

    parts = [f'<text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>']
    for power in range(lowest, highest + 1):
        y = 10.0**power
        parts.append(f'<path d="M{LEFT} {down(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{down(y) + 4:.1f}" text-anchor="end">{_number(y)}</text>')
    for x in xs:
        parts.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_number(x)}</text>')
    parts.append(f'<text x="{WIDTH // 2 - 15}" y="{HEIGHT - 8}" text-anchor="middle">{escape(axis)}</text>')
    for (name, points), colour in zip(lines.items(), COLOURS, strict=False):
        joined = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in points)
        parts.append(f'<path d="M{joined}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = points[-1]
        parts.append(f'<text x="{across(x) + 6:.1f}" y="{down(y) + 4:.1f}" style="fill:{colour}">{escape(name)}</text>')
    return "".join(parts)


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
