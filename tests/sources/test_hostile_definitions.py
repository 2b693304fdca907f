"""Whatever a definition holds, it is a source or an InvalidSource that says what is wrong, in little time."""

from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailboard.core.action import Action
from tailboard.core.job import STATUSES
from tailboard.errors import InvalidSource
from tailboard.sources.parsing import MAX_EXPRESSION, MAX_LENGTH, from_definition, parse
from tailboard.sources.source import Column

SQL = st.lists(
    st.sampled_from(
        [
            "id",
            "a.b",
            "'",
            "''",
            '"',
            "$$",
            "$x$",
            "a$x$",
            "(",
            ")",
            "[",
            "]",
            ";",
            ",",
            "--",
            "\n",
            "/*",
            "*/",
            "/",
            "E'\\'",
            "::text",
            " ",
            "1",
            "$1",
            "\\",
            "é",
            "CASE",
            "{schema}",
            "\u2028",
        ]
    ),
    max_size=12,
).map("".join)
TEXT = st.text(max_size=20) | SQL
LEAF = TEXT | st.integers() | st.floats() | st.booleans() | st.none() | st.datetimes()
ANYTHING = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
KEYS = [
    "table",
    "id",
    "status",
    *Column,
    "due",
    "deleted",
    "running",
    "actions",
    "follows",
    "attach_note",
]
NEARLY = {
    "table": st.sampled_from(["public.t", '"A"."b"', "t", "a.b.c", 'x."', 'é."é"']) | ANYTHING,
    "id": SQL | ANYTHING,
    "status": SQL
    | st.fixed_dictionaries(
        {"column": SQL, "map": st.dictionaries(TEXT, st.sampled_from(list(STATUSES)) | LEAF, max_size=3)}
    )
    | ANYTHING,
    "actions": st.dictionaries(st.sampled_from(list(Action)), SQL) | ANYTHING,
    "follows": st.lists(st.fixed_dictionaries({"table": st.just("public.u"), "job": SQL}), max_size=2)
    | ANYTHING,
}


def understood(read: Any) -> None:
    """It is read, or refused in words."""
    began = thread_time()
    refusal = None
    try:
        read()
    except InvalidSource as error:
        refusal = str(error)
    assert refusal is None or len(refusal) > 10
    assert thread_time() - began < 2


@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    understood(lambda: parse(text))


@given(st.text(alphabet="[]{}=.,'\"\n#ab1-:_ \\T", max_size=60))
def test_what_looks_like_toml_is_understood_or_refused(text: str) -> None:
    understood(lambda: parse(f"[sources.a]\n{text}"))


@given(
    TEXT | st.just("orders"),
    st.fixed_dictionaries(
        {key: NEARLY[key] for key in ("table", "id", "status")},
        optional={
            key: NEARLY.get(key, SQL | ANYTHING) for key in KEYS if key not in {"table", "id", "status"}
        },
    )
    | ANYTHING,
)
def test_any_definition_is_understood_or_refused(name: str, definition: Any) -> None:
    understood(lambda: from_definition(name, definition))


@pytest.mark.parametrize(
    "bomb",
    [
        "a = " + "[" * 40_000,
        "[sources]\na = " + "[" * 900 + "]" * 900,
        "[sources]\na = " + "{a=" * 900 + "1" + "}" * 900,
        "a." * 5_000 + "b = 1",
        "a = " + "9" * 5_000,
        "[sources.a]\nid = '''" + "(" * 5_000 + "'''",
        "[sources.a]\ntable = 'a.b'\nstatus = 's'\nid = '''" + "$a$" * 3_001 + "'''",
        "[sources.a]\ntable = 'a.b'\nstatus = 's'\nid = '''" + "".join(f"$t{n}$ " for n in range(1_300)) + "'''",
        "[sources.a]\ntable = 'a.b'\nstatus = 's'\nid = '''" + "/* " * 3_000 + "'''",
        "[sources.a]\ntable = 'a.b'\nstatus = 's'\nid = '''" + "x" * (MAX_EXPRESSION + 1) + "'''",
        "#" * (MAX_LENGTH + 1),
    ],
    ids=["lists", "closed lists", "tables", "a dotted key", "a long number", "parentheses", "one tag", "many tags",
         "comments", "a long expression", "a long text"],
)  # fmt: skip
def test_bombs_are_refused_in_little_time(bomb: str) -> None:
    began = thread_time()
    with pytest.raises(InvalidSource):
        parse(bomb)
    assert thread_time() - began < 2


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("a$x$ ) ; DROP TABLE t; SELECT $x$", "closes nothing"),  # a$x$ is a name, and no string begins in it
        ("/* /* */ id", "a comment within a comment"),
        ("id) --", "closes nothing"),
        (r"'\' ); --'", "closes nothing"),
        ("id; SELECT 1", "semicolon"),
        ("id, 1", "comma"),
        ("*/ id /*", "unclosed comment"),
    ],
)
def test_what_postgresql_would_read_as_more_than_one_expression_is_refused(
    expression: str, said: str
) -> None:
    definition = {"table": "public.t", "id": expression, "status": "s"}
    with pytest.raises(InvalidSource, match=said):
        from_definition("orders", definition)
