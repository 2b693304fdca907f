"""Filter trees from lists of wanted values."""

import pytest

from tailboard.client import any_of


@pytest.mark.parametrize(
    ("wanted", "tree"),
    [
        ({}, None),
        ({"queue": []}, None),
        ({"queue": ["eu", "us"]}, {"in": {"queue": ["eu", "us"]}}),
        ({"kind": ["mail.*"]}, {"prefix": {"kind": "mail."}}),
        (
            {"kind": ["report", "mail.*"], "status": ["failed"]},
            {
                "and": [
                    {"or": [{"in": {"kind": ["report"]}}, {"prefix": {"kind": "mail."}}]},
                    {"in": {"status": ["failed"]}},
                ]
            },
        ),
    ],
)
def test_any_value_of_a_field_and_all_fields(wanted: dict[str, list[str]], tree: object) -> None:
    assert any_of(**wanted) == tree


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="queue"):
        any_of(que=["x"])
