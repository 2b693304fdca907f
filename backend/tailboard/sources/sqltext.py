"""SQL as text that people write: is an expression one expression, and which table does a name mean.

PostgreSQL judges whether an expression is right. What is judged here is only whether it can be put between
two parentheses, in a trigger and in a query, and still be what its author wrote.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""
    (?P<comment> --[^\n]* )
  | (?P<block>   /\* (?:.|\n)*? \*/ )
  | (?P<string>  [eE]'(?:[^'\\]|''|\\(?:.|\n))*' | '(?:[^']|'')*' )
  | (?P<name>    "(?:[^"]|"")*" )
  | (?P<dollar>  \$(?P<tag>[A-Za-z_]\w*)?\$ (?:.|\n)*? \$(?(tag)(?P=tag)|)\$ )
  | (?P<open>    [(\[] )
  | (?P<close>   [)\]] )
  | (?P<bad>     ;|'|"|/\*|\*/|\$(?:[A-Za-z_]\w*)?\$ )
  | (?P<word>    [^\W\d][\w$]* )
  | (?P<other>   . | \n )
    """,
    re.VERBOSE,
)
_CLOSES: Final = {"(": ")", "[": "]"}
_IDENTIFIER: Final = r'(?:[A-Za-z_\u0080-\uffff][\w$]*|"(?:[^"]|"")+")'
_QUALIFIED: Final = re.compile(rf"\s*({_IDENTIFIER})\s*\.\s*({_IDENTIFIER})\s*")
_SYSTEM_COLUMNS: Final = ("tableoid", "ctid", "xmin", "xmax", "cmin", "cmax")
_SAID: Final = {";": "holds a semicolon", "'": "has an unclosed '", '"': 'has an unclosed "'}


class TableName(NamedTuple):
    """A table by its two names, as PostgreSQL stores them: without quotes, folded where they were not quoted."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.table)}"


def quoted(name: str) -> str:
    """A name as it is written in SQL, with quotes only where it needs them."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def table_name(text: str) -> TableName | None:
    """What `schema.table` names, or None where the text is not of that form."""
    found = _QUALIFIED.fullmatch(text)
    return TableName(_folded(found[1]), _folded(found[2])) if found else None


def fault(text: str) -> str | None:
    """Why the text cannot be one SQL expression, as the end of a sentence; None where it can."""
    expected: list[str] = []
    something = False
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "block" if "/*" in token[0][2:]:
                return "has a comment within a comment"  # which PostgreSQL ends elsewhere
            case "comment" | "block":
                continue
            case "bad":
                unclosed = token[0] if token[0].startswith("$") else "comment"
                return _SAID.get(token[0], f"has an unclosed {unclosed}")
            case "open":
                expected.append(_CLOSES[token[0]])
            case "close":
                if not expected or expected.pop() != token[0]:
                    return f"has a {token[0]} that closes nothing"
        if token[0] == "," and not expected:
            return "holds a comma: it has to be one value"
        something = something or not token[0].isspace()
    if expected:
        return f"lacks a {expected[-1]}"
    return None if something else "is empty"


def renamed(text: str, name: str, other: str, columns: Collection[str]) -> str:
    """An expression with the row `name`, wherever one of its columns is qualified by it, called `other`. A schema may
    have the name as well: what is no column, or is called, is in that.
    """
    tokens = [token[0] for token in _TOKEN.finditer(text)]
    for place, _ in _qualified(tokens, name, columns):
        tokens[place] = other
    return "".join(tokens)


def columns_of(text: str, name: str, columns: Collection[str]) -> set[str]:
    """The columns of the row `name` that the expression looks at, each qualified by it."""
    found = {column for _, column in _qualified([token[0] for token in _TOKEN.finditer(text)], name, columns)}
    return set(columns) if "*" in found else found


def _qualified(tokens: Sequence[str], name: str, columns: Collection[str]) -> Iterator[tuple[int, str]]:
    """Where the row's name stands before one of its columns, and which."""
    known = {"*", *_SYSTEM_COLUMNS, *columns}
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else ""
        dot, column, after = [*tokens[place + 1 : place + 4], "", "", ""][:3]
        if (
            token == name
            and dot == "."
            and before != "."
            and (of := _folded(column)) in known
            and after != "("
        ):
            yield place, of


def _folded(identifier: str) -> str:
    if identifier.startswith('"'):
        return identifier[1:-1].replace('""', '"')
    return identifier.lower()
