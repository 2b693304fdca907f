"""Line charts as SVG, written by hand so that they need nothing installed and differ only where figures do.

They follow the reader's light or dark theme, and tell lines apart by dash and marker as well as by colour.
"""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

_WIDTH: Final = 560
_HEIGHT: Final = 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 72, 48
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#7a7a7a")
_DASHES: Final = ("", "6 3", "2 3", "8 3 2 3", "1 3")
_STYLE: Final = """
svg { font: 12px system-ui, sans-serif; background: #fff }
text { fill: #24292f } .soft { fill: #57606a } .grid { stroke: #d8dee4 } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117 } text { fill: #e6edf3 } .soft { fill: #8d96a0 } .grid { stroke: #30363d }
  .c0 { stroke: #58a6ff } .c1 { stroke: #f0883e } .c2 { stroke: #3fb68b } .c3 { stroke: #d2a8ff }
  .c4 { stroke: #a0a0a0 } .f4 { fill: #a0a0a0 }
  .f0 { fill: #58a6ff } .f1 { fill: #f0883e } .f2 { fill: #3fb68b } .f3 { fill: #d2a8ff }
}"""


class Series(NamedTuple):
    name: str
    points: Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """What an axis shows. `names` label whole numbers from 0 where the axis has no scale."""

    label: str
    log: bool = False
    low: float | None = None
    names: Sequence[str] = ()


class _Scale:
    """From values to places on the page, and where the ticks stand."""

    def __init__(self, axis: Axis, values: Sequence[float], start: float, end: float) -> None:
        self._log = axis.log
        low, high = min(values), max(values)
        if axis.names:
            self.ticks = [(float(place), name) for place, name in enumerate(axis.names)]
            low, high = -0.3, len(axis.names) - 0.7
        elif axis.log:
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            last = max(last, first + 1)
            self.ticks = [(10.0**power, number(10.0**power)) for power in range(first, last + 1)]
            low, high = 10.0**first, 10.0**last
        else:
            low = low if axis.low is None else axis.low
            step = _step(high - low)
            high = math.ceil(high / step - 1e-9) * step
            count = max(1, round((high - low) / step))
            self.ticks = [(low + place * step, number(low + place * step)) for place in range(count + 1)]
            high = low + count * step
        self._low, self._high = self._of(low), self._of(high)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        share = (self._of(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def _of(self, value: float) -> float:
        return math.log10(value) if self._log else value


def line_chart(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """The chart as an SVG document. Values on a log axis must be above 0."""
    points = [point for one in series for point in one.points]
    across = _Scale(x, [point[0] for point in points], _LEFT, _WIDTH - _RIGHT)
    up = _Scale(y, [point[1] for point in points], _HEIGHT - _BOTTOM, _TOP)
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<text x="{_LEFT}" y="20" font-weight="600">{escape(title)}</text>',
        *_grid(across, up, x, y),
        *_legend(series),
    ]
    for number_, one in enumerate(series):
        parts += _line(number_, one, across, up)
    return "\n".join([*parts, "</svg>", ""])


def number(value: float) -> str:
    """A short number: 0.25, 40, 10k, 2M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _grid(across: _Scale, up: _Scale, x: Axis, y: Axis) -> list[str]:
    parts = []
    for value, name in up.ticks:
        at = up(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(
            f'<text class="soft" x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        )
    for value, name in across.ticks:
        at = across(value)
        parts.append(
            f'<text class="soft" x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{escape(name)}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="soft" x="{middle:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(x.label)}</text>'
    )
    upright = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text class="soft" transform="translate(14 {upright:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.label)}</text>"
    )
    return parts


def _legend(series: Sequence[Series]) -> list[str]:
    parts: list[str] = []
    at, row = float(_LEFT), 40
    for place, one in enumerate(series):
        width = 34 + 6.6 * len(one.name)
        if at + width > _WIDTH:
            at, row = float(_LEFT), row + 18
        parts.append(_stroke(place, f"M{at:.1f} {row}h20"))
        parts.append(_marker(place, at + 10, row))
        parts.append(f'<text x="{at + 26:.1f}" y="{row + 4}">{escape(one.name)}</text>')
        at += width + 8
    return parts


def _line(
    place: int, one: Series, across: Callable[[float], float], up: Callable[[float], float]
) -> list[str]:
    spots = [(across(a), up(b)) for a, b in one.points]
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in spots)
    marked = spots if len(spots) <= 12 else []
    return [_stroke(place, path), *(_marker(place, a, b) for a, b in marked)]


def _stroke(place: int, path: str) -> str:
    return f'<path class="line c{place}" d="{path}" stroke="{_COLOURS[place]}" stroke-dasharray="{_DASHES[place]}"/>'


def _marker(place: int, a: float, b: float) -> str:
    paint = f'class="f{place}" fill="{_COLOURS[place]}"'
    match place:
        case 0:
            return f'<circle {paint} cx="{a:.1f}" cy="{b:.1f}" r="4"/>'
        case 1:
            return f'<rect {paint} x="{a - 3.5:.1f}" y="{b - 3.5:.1f}" width="7" height="7"/>'
        case 2:
            return f'<path {paint} d="M{a:.1f} {b - 4.5:.1f}l4.5 8h-9z"/>'
        case 3:
            return f'<path {paint} d="M{a:.1f} {b - 5:.1f}l5 5l-5 5l-5 -5z"/>'
        case _:
            return f'<circle {paint} cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>'


def _step(span: float) -> float:
    """A round distance that makes four to eight ticks of a span."""
    rough = max(span, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
