"""Growth curves as an SVG: panels side by side with one x axis, their y axes from 0."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 420, 300
LEFT, TOP, BOTTOM = 52, 40, 52
LETTER, LEAST_RIGHT = 7, 44
COLOURS = ("#1f5fbf", "#d9772b", "#3a8f5c")
STYLE = "text{font:12px system-ui,sans-serif;fill:#444}.title{font-size:13px;fill:#111}path{fill:none;stroke-width:2}"


@dataclass(frozen=True)
class Panel:
    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    """By name, which stands at the line's end."""


def draw(path: Path, x_title: str, *panels: Panel) -> None:
    drawn = "".join(
        f'<g transform="translate({WIDTH * place},0)">{_panel(panel)}</g>'
        for place, panel in enumerate(panels)
    )
    width = WIDTH * len(panels)
    below = _text(width / 2, HEIGHT - 12, x_title, "middle")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}">'
    background = f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>'
    path.write_text(f"{head}<style>{STYLE}</style>{background}{drawn}{below}</svg>\n")


def _panel(panel: Panel) -> str:
    points = [point for line in panel.lines.values() for point in line]
    most_x, most_y = (max(values) for values in zip(*points, strict=True))
    step = _step(most_y)
    top = math.ceil(most_y / step) * step
    right = max(LEAST_RIGHT, 10 + LETTER * max(map(len, panel.lines)))
    inner_x, inner_y = WIDTH - LEFT - right, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return round(LEFT + value / most_x * inner_x, 1)

    def y(value: float) -> float:
        return round(TOP + inner_y - value / top * inner_y, 1)

    parts = [_text(LEFT, TOP - 18, panel.title, "start", "title")]
    for i in range(round(top / step) + 1):
        level = y(i * step)
        parts.append(f'<path d="M{LEFT} {level}h{inner_x}" style="stroke:#ddd;stroke-width:1"/>')
        parts.append(_text(LEFT - 8, level + 4, f"{i * step:g}", "end"))
    x_step = _step(most_x)
    parts += [
        _text(x(i * x_step), y(0) + 18, f"{i * x_step:,.0f}", "middle")
        for i in range(int(most_x / x_step) + 1)
    ]
    for colour, (name, line) in zip(COLOURS, panel.lines.items(), strict=False):
        way = " ".join(f"{x(at)},{y(value)}" for at, value in line)
        parts.append(f'<path d="M{way}" stroke="{colour}"/>')
        parts += [f'<circle cx="{x(at)}" cy="{y(value)}" r="3" fill="{colour}"/>' for at, value in line]
        parts.append(_text(x(line[-1][0]) + 8, y(line[-1][1]) + 4, name, "start"))
    return "".join(parts)


def _step(most: float) -> float:
    """Of an axis with four to eight marks."""
    power: float = 10 ** math.floor(math.log10(most))
    return next(power * part for part in (0.2, 0.5, 1, 2) if most / (power * part) <= 6)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'
