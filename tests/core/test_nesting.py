"""What is nested too deep is left out of a card and named, and everything else stays as it was written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailboard.core.nesting import DEEPEST, shallow


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab[]{},:"\\ é', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=30,
)


@given(
    st.dictionaries(st.text(min_size=1, alphabet='ab[]{},:"\\', max_size=6), JSON, max_size=6), st.booleans()
)
def test_only_what_is_deep_is_left_out(fields: dict[str, Any], spaced: bool) -> None:
    rest = json.dumps(fields, separators=(", ", ": ") if spaced else (",", ":"), ensure_ascii=False)
    assert shallow(rest.encode()) == rest.encode()
    deep = (rest[:-1] + (", " if fields else "") + f'"payload": {nested(1000)}' + "}").encode()
    assert json.loads(shallow(deep)) == {**fields, "payload": None, "omitted": ["payload"]}


@pytest.mark.parametrize("opening", ["[", '[{"a":', '{"[":'])
def test_the_limit_counts_the_card_itself(opening: str) -> None:
    closing = {"[": "]", '[{"a":': "}]", '{"[":': "}"}[opening]
    levels = len(closing)
    fits = (DEEPEST - 1) // levels
    card = f'{{"payload": {opening * fits}1{closing * fits}, "id": 1}}'.encode()
    assert shallow(card) == card
    card = f'{{"payload": {opening * (fits + 1)}1{closing * (fits + 1)}, "id": 1}}'.encode()
    assert json.loads(shallow(card)) == {"payload": None, "id": 1, "omitted": ["payload"]}


def test_what_was_left_out_before_stays_named_and_phases_stay_a_list() -> None:
    card = f'{{"phases": {nested(100)}, "result": {nested(100)}, "omitted": ["payload", "result"], "payload": null}}'
    assert json.loads(shallow(card.encode())) == {
        "phases": [],
        "result": None,
        "payload": None,
        "omitted": ["payload", "result", "phases"],
    }
