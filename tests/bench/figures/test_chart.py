"""The plots: well-formed, nothing outside the frame, and lines that can be told apart."""

import re
from xml.etree import ElementTree as ET

import pytest

from figures.chart import Axis, Series, line_chart, number

SVG = "{http://www.w3.org/2000/svg}"


def chart(x: Axis, y: Axis, *series: Series) -> ET.Element:
    return ET.fromstring(line_chart("Title with < and &", x, y, series))  # noqa: S314  our own


def test_a_chart_has_a_line_and_a_legend_for_each_series() -> None:
    found = chart(
        Axis("x"), Axis("y"), Series("one & two", [(1, 2), (3, 4)]), Series("three", [(1, 1), (3, 3)])
    )
    strokes = [path for path in found.iter(f"{SVG}path") if path.get("class", "").startswith("line")]
    assert len(strokes) == 4
    assert len({path.get("stroke-dasharray") for path in strokes}) == 2
    assert {"one & two", "three", "Title with < and &"} <= {text.text for text in found.iter(f"{SVG}text")}


@pytest.mark.parametrize("log", [False, True])
def test_every_point_is_inside_the_frame(log: bool) -> None:
    values = [0.004, 0.5, 17, 9_999, 2_400_000] if log else [0, 0.3, 1.7]
    found = chart(
        Axis("x", log=log), Axis("y", log=log), Series("all", [(value or 0.1, value) for value in values])
    )
    line = [path for path in found.iter(f"{SVG}path") if path.get("class") == "line c0"][-1]
    places = [(float(a), float(b)) for a, b in re.findall(r"([\d.-]+) ([\d.-]+)", line.get("d", ""))]
    assert len(places) == len(values)
    assert all(60 <= a <= 560 and 60 <= b <= 300 for a, b in places)
    assert places == sorted(places)
    assert [b for _, b in places] == sorted((b for _, b in places), reverse=True)


def test_names_stand_where_their_values_are() -> None:
    found = chart(Axis("x", names=["few", "many"]), Axis("y", low=0), Series("all", [(0, 1), (1, 2)]))
    places = {text.text: text.get("x") for text in found.iter(f"{SVG}text")}
    spots = [circle.get("cx") for circle in found.iter(f"{SVG}circle")]
    assert {places["few"], places["many"]} <= set(spots)


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (40, "40"), (10_000, "10k"), (2_500_000, "2.5M"), (0, "0")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
