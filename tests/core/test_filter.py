"""Filters: what they accept, what they mean, and that equal meanings are equal filters."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery_rig import make_event
from tailboard.core.change import Change, Op, Was
from tailboard.core.filter import (
    EVERYTHING,
    MAX_DEPTH,
    MAX_JSON_LENGTH,
    MAX_NODES,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    Filter,
)
from tailboard.core.predicate import FIELDS, And, In, View, after_view, before_view
from tailboard.errors import InvalidFilter


def change(**fields: Any) -> Change:
    return make_event(1, **fields).change


def matches(tree: object, view: View | None) -> bool:
    return view is not None and Filter.from_tree(tree).matches(view)


@pytest.mark.parametrize(
    ("tree", "fields", "expected"),
    [
        ({}, {}, True),
        ({"eq": {"queue": "mail"}}, {"queue": "mail"}, True),
        ({"eq": {"queue": "mail"}}, {"queue": "post"}, False),
        ({"eq": {"queue": "mail", "kind": "send"}}, {"queue": "mail", "kind": "send"}, True),
        ({"eq": {"queue": "mail", "kind": "send"}}, {"queue": "mail", "kind": "drop"}, False),
        ({"eq": {"worker": "w1"}}, {"worker": None}, False),
        ({"in": {"status": ["failed", "paused"]}}, {"new": "paused"}, True),
        ({"in": {"status": ["failed", "paused"]}}, {"old": "paused", "new": "pending"}, False),
        ({"prefix": {"kind": "mail."}}, {"kind": "mail.send"}, True),
        ({"prefix": {"kind": "mail."}}, {"kind": "mailer"}, False),
        ({"prefix": {"worker": ""}}, {"worker": None}, False),
        ({"eq": {"job": "jobs/17"}}, {"job": 17}, True),
        ({"eq": {"job": "other/17"}}, {"job": 17}, False),
        ({"eq": {"tags": "eu"}}, {"tags": ("us", "eu")}, True),
        ({"in": {"tags": ["fr", "eu"]}}, {"tags": ("us",)}, False),
        ({"prefix": {"tags": "cust-"}}, {"tags": ("us", "cust-9")}, True),
        ({"not": {"eq": {"queue": "mail"}}}, {"queue": None}, True),
        ({"or": [{"eq": {"queue": "a"}}, {"eq": {"kind": "k"}}]}, {"queue": "b", "kind": "k"}, True),
        (
            {"and": [{"eq": {"queue": "a"}}, {"not": {"eq": {"kind": "k"}}}]},
            {"queue": "a", "kind": "k"},
            False,
        ),
    ],
)
def test_a_tree_means_what_it_says(tree: object, fields: dict[str, object], expected: bool) -> None:
    assert matches(tree, after_view(change(**fields))) is expected


def test_a_job_that_changed_queue_matched_the_old_one_before() -> None:
    moved = change(queue="b", was=Was(queue="a"))
    assert matches({"eq": {"queue": "a"}}, before_view(moved))
    assert not matches({"eq": {"queue": "a"}}, after_view(moved))
    assert matches({"eq": {"queue": "b"}}, after_view(moved))


def test_was_null_is_a_former_value_and_not_an_absence_of_change() -> None:
    taken = change(worker="w1", was=Was(worker=None))
    assert not matches({"eq": {"worker": "w1"}}, before_view(taken))


def test_an_inserted_job_was_in_no_filter_and_a_deleted_one_is_in_none() -> None:
    assert before_view(change(op=Op.INSERT)) is None
    assert after_view(change(op=Op.DELETE)) is None
    assert matches({}, before_view(change(op=Op.DELETE)))


def test_repeated_parameters_are_any_of_and_different_ones_all_of() -> None:
    query = Filter.from_query(
        [("queue", "a"), ("status", "failed"), ("queue", "b"), ("cursor", "1.2")], ignore=("cursor",)
    )
    assert query == Filter.from_tree({"and": [{"in": {"queue": ["a", "b"]}}, {"eq": {"status": "failed"}}]})


def test_a_query_string_may_hold_a_tree_beside_its_fields() -> None:
    both = Filter.from_query([("filter", '{"prefix":{"kind":"x"}}'), ("queue", "a")])
    assert both == Filter.from_tree({"and": [{"prefix": {"kind": "x"}}, {"eq": {"queue": "a"}}]})


def test_of_several_trees_in_a_query_string_all_must_hold() -> None:
    all_of = Filter.from_query([("filter", '{"eq":{"kind":"k"}}'), ("filter", '{"eq":{"queue":"a"}}')])
    assert all_of == Filter.from_tree({"eq": {"kind": "k", "queue": "a"}})
    assert Filter.from_query([("filter", "{}"), ("queue", "a")]) == Filter.from_tree({"eq": {"queue": "a"}})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"eq": {"queue": "a"}}, {"in": {"queue": ["a", "a"]}}),
        ({"in": {"queue": ["a", "b"]}}, {"in": {"queue": ["b", "a"]}}),
        ({"and": [{"eq": {"queue": "a"}}]}, {"eq": {"queue": "a"}}),
        (
            {"and": [{"eq": {"queue": "a"}}, {"and": [{"eq": {"kind": "k"}}, {"eq": {"queue": "a"}}]}]},
            {"eq": {"kind": "k", "queue": "a"}},
        ),
        ({"not": {"not": {"eq": {"queue": "a"}}}}, {"eq": {"queue": "a"}}),
    ],
)
def test_filters_that_mean_the_same_are_equal(one: object, other: object) -> None:
    assert Filter.from_tree(one) == Filter.from_tree(other)
    assert hash(Filter.from_tree(one)) == hash(Filter.from_tree(other))


def deep(levels: int) -> dict[str, object]:
    tree: dict[str, object] = {"eq": {"queue": "a"}}
    for _ in range(levels - 1):
        tree = {"not": tree}
    return tree


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([], "filter must be an object"),
        ({"like": {"queue": "a"}}, "'like' is not a filter operator"),
        ({"eq": {"queue": "a"}, "in": {}}, "filter must be an object with one of"),
        ({"eq": {"colour": "red"}}, "'colour' in filter.eq is not a filter field"),
        ({"eq": {"queue": 1}}, "filter.eq.queue must be text"),
        ({"eq": {}}, "filter.eq must be an object of a field and its value"),
        ({"in": {"queue": []}}, "filter.in.queue must be a list of at least one value"),
        ({"in": {"queue": "a"}}, "filter.in.queue must be a list"),
        ({"in": {"queue": ["a"], "kind": ["b"]}}, "filter.in must be an object of one field"),
        ({"and": []}, "filter.and must be a list of at least one node"),
        ({"or": [{"eq": {"queue": "a"}}, 3]}, "filter.or\\[1\\] must be an object"),
        ({"eq": {"status": "done"}}, "'done' is not a status; the statuses are scheduled"),
        ({"eq": {"job": "17"}}, "filter.eq.job: '17' is no job's name; write source/id, such as jobs/17"),
        ({"in": {"job": ["jobs/17", "/17"]}}, "'/17' is no job's name"),
        ({"eq": {"job": "jobs/"}}, "'jobs/' is no job's name"),
        ({"eq": {"queue": "x" * 501}}, "filter.eq.queue is longer than 500 characters"),
        ({"eq": {"queue": "\ud800"}}, "lone surrogate"),
        (deep(MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} deep"),
        ({"or": [{"eq": {"queue": "a"}}] * MAX_NODES}, f"more than {MAX_NODES} nodes"),
        ({"in": {"queue": ["a"] * (MAX_VALUES + 1)}}, f"more than {MAX_VALUES} values"),
    ],
)
def test_an_unusable_tree_is_refused_with_its_place(tree: object, message: str) -> None:
    with pytest.raises(InvalidFilter, match=message):
        Filter.from_tree(tree)


@pytest.mark.parametrize(
    "tree",
    [
        {"eq": {"queue": "x" * MAX_VALUE_LENGTH}},
        {"or": [{"eq": {"queue": "a"}}] * (MAX_NODES - 1)},
        {"in": {"queue": ["a"] * MAX_VALUES}},
        deep(MAX_DEPTH),
    ],
)
def test_a_tree_may_be_as_large_as_the_limits_say(tree: object) -> None:
    Filter.from_tree(tree)


@pytest.mark.parametrize("text", ["", "{", "[" * 60_000, "{}x", '{"filter"'])
def test_a_filter_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        Filter.from_json(text)


def test_a_filter_that_is_too_long_is_not_even_read() -> None:
    with pytest.raises(InvalidFilter, match=f"longer than {MAX_JSON_LENGTH} characters"):
        Filter.from_json("{}".ljust(MAX_JSON_LENGTH + 1))


def test_a_misspelt_parameter_is_refused_and_does_not_show_everything() -> None:
    with pytest.raises(InvalidFilter, match="'quue' in the query string is not a filter field"):
        Filter.from_query([("quue", "a")])


def test_only_a_reset_of_a_source_that_could_match_touches_a_filter() -> None:
    assert EVERYTHING.touches("jobs")
    assert Filter.from_tree({"eq": {"queue": "a"}}).touches("jobs")
    assert not Filter.from_tree({"eq": {"source": "other"}}).touches("jobs")
    assert not Filter.from_tree({"eq": {"job": "other/1"}}).touches("jobs")
    assert not Filter.from_tree({"not": {"eq": {"source": "jobs"}}}).touches("jobs")
    assert not Filter.from_tree({"eq": {"job": "jobs2/1"}}).touches("jobs")
    assert not Filter.from_tree({"eq": {"source": "other", "queue": "a"}}).touches("jobs")
    assert Filter.from_tree({"or": [{"eq": {"source": "other"}}, {"eq": {"queue": "a"}}]}).touches("jobs")
    assert Filter.from_tree(
        {"not": {"or": [{"not": {"eq": {"queue": "a"}}}, {"eq": {"kind": "k"}}]}}
    ).touches("jobs")


def test_a_change_finds_a_filter_by_the_narrowest_of_its_fields() -> None:
    one = Filter.from_tree({"eq": {"source": "jobs", "status": "failed", "job": "jobs/1", "queue": "a"}})
    assert one.index == {("job", "jobs/1")}
    half_broad = Filter.from_tree({"or": [{"eq": {"job": "jobs/1"}}, {"eq": {"status": "failed"}}]})
    assert Filter.of(And((half_broad.root, In("kind", ("k", "l"))))).index == {("kind", "k"), ("kind", "l")}


WORDS = st.sampled_from(["a", "b", "c"])
NAMES = st.sampled_from([name for name in FIELDS if name not in ("status", "job")])
LEAVES = st.one_of(
    st.builds(lambda name, word: {"eq": {name: word}}, NAMES, WORDS),
    st.builds(lambda name, words: {"in": {name: words}}, NAMES, st.lists(WORDS, min_size=1, max_size=3)),
    st.builds(lambda name, word: {"prefix": {name: word}}, NAMES, WORDS),
    st.builds(lambda word: {"eq": {"job": f"{word}/1"}}, WORDS),
)
TREES = st.recursive(
    LEAVES,
    lambda nodes: st.one_of(
        st.builds(lambda node: {"not": node}, nodes),
        st.builds(lambda found: {"and": found}, st.lists(nodes, min_size=1, max_size=3)),
        st.builds(lambda found: {"or": found}, st.lists(nodes, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)
CHANGES = st.builds(
    lambda source, queue, kind, worker, tags: (
        make_event(1, source=source, queue=queue, kind=kind, worker=worker, tags=tuple(tags)).change
    ),
    WORDS,
    WORDS | st.none(),
    WORDS | st.none(),
    WORDS | st.none(),
    st.lists(WORDS, max_size=2),
)


def evaluated(tree: dict[str, object], view: View) -> bool:
    """What the tree means, written as plainly as possible."""
    ((operator, operand),) = tree.items()
    match operator, operand:
        case "and", list(nodes):
            return all(evaluated(node, view) for node in nodes)
        case "or", list(nodes):
            return any(evaluated(node, view) for node in nodes)
        case "not", dict(node):
            return not evaluated(node, view)
        case _, dict(pair):
            ((name, wanted),) = pair.items()
            value = getattr(view, name)
            values = value if isinstance(value, tuple) else (value,)
            if operator == "prefix":
                return any(found is not None and found.startswith(wanted) for found in values)
            return any(
                found in (wanted if operator == "in" else [wanted]) for found in values if found is not None
            )
    raise AssertionError(tree)


@given(TREES, CHANGES)
def test_normalising_and_indexing_never_change_the_meaning(tree: dict[str, object], a_change: Change) -> None:
    try:
        filter_ = Filter.from_tree(tree)
    except InvalidFilter:
        return
    view = after_view(a_change)
    assert view is not None
    expected = evaluated(tree, view)
    assert filter_.matches(view) is expected
    assert Filter.from_json(filter_.text) == filter_
    assert msgspec.json.encode(msgspec.json.decode(filter_.text)).decode() == filter_.text
    if expected:
        assert filter_.touches(view.source)
        if filter_.index is not None:
            held = {(name, value) for name, value in zip(FIELDS, view, strict=True) if isinstance(value, str)}
            held |= {("tags", tag) for tag in view.tags}
            assert filter_.index & held
