"""A filter: which jobs a subscription, a list or a page of the log is about.

Two spellings, one meaning. A JSON tree:

    {"and": [{"eq": {"queue": "mail"}}, {"in": {"status": ["failed", "paused"]}}, {"prefix": {"kind": "x."}}]}

and a query string, in which repeating a field means any of its values and different fields must all hold:

    ?queue=mail&status=failed&status=paused

Both end in one normal form, so that two clients that mean the same have equal filters and are served by
one match and one encoding.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

import msgspec

from tailboard.core.job import STATUSES
from tailboard.core.predicate import (
    FIELDS,
    And,
    Everything,
    Field,
    In,
    IndexKey,
    Match,
    Node,
    Not,
    Or,
    Prefix,
    compiled,
    index_keys,
    normalise,
    plain,
    touches,
)
from tailboard.errors import InvalidFilter

MAX_DEPTH: Final = 8
MAX_NODES: Final = 64
MAX_VALUES: Final = 500
MAX_VALUE_LENGTH: Final = 500
"""Over REST, too: a kind may be a command line."""
MAX_JSON_LENGTH: Final = 65_536


@dataclass(frozen=True, slots=True)
class Filter:
    """A normalised predicate. Equal, and of equal hash, to every filter that was written to mean the same.

    `text` is the canonical JSON. `index` is a set of field values of which any matching job has at least
    one, so that a change can find its filters; None when there is no such set and every change must be
    tried.
    """

    root: Node = field(compare=False)
    text: str
    matches: Match = field(compare=False, repr=False)
    index: frozenset[IndexKey] | None = field(compare=False, repr=False)

    @classmethod
    def of(cls, node: Node) -> Self:
        """Normalise and compile a tree that was built in code."""
        root = normalise(node)
        text = msgspec.json.encode(plain(root)).decode()
        return cls(root, text, compiled(root), index_keys(root))

    @classmethod
    def from_tree(cls, tree: object) -> Self:
        """Read a decoded JSON tree; `{}` is every job. Raises InvalidFilter that names the place."""
        if tree == {}:
            return cls.of(Everything())
        return cls.of(_Parser().node(tree, "filter", 1))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a JSON tree as text."""
        if len(text) > MAX_JSON_LENGTH:
            raise InvalidFilter(f"the filter is longer than {MAX_JSON_LENGTH} characters")
        try:
            tree: object = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidFilter("the filter is not valid JSON") from error
        return cls.from_tree(tree)

    @classmethod
    def from_query(cls, pairs: Iterable[tuple[str, str]], *, ignore: Iterable[str] = ()) -> Self:
        """Read query parameters: repeated means any of, different means all of.

        `filter` may hold a JSON tree, which must hold as well. Parameters in `ignore` belong to the
        caller; any other is refused, because a misspelt filter would silently show everything.
        """
        values: dict[Field, list[str]] = {}
        nodes: list[Node] = []
        ignored = frozenset(ignore)
        parser = _Parser()
        for name, value in pairs:
            if name in ignored:
                continue
            if name == "filter":
                nodes.append(cls.from_json(value).root)
                continue
            key = _field(name, "the query string")
            values.setdefault(key, []).append(parser.value(key, value, name))
        nodes.extend(In(key, tuple(found)) for key, found in values.items())
        return cls.of(And(tuple(nodes)) if nodes else Everything())

    def touches(self, source: str) -> bool:
        """Whether any job of the source could be in the filter."""
        return touches(self.root, source) is not False


class _Parser:
    """Reads one tree and counts what it holds, so that no message can be small and costly."""

    __slots__ = ("_nodes", "_values")

    def __init__(self) -> None:
        self._nodes = 0
        self._values = 0

    def node(self, tree: object, path: str, depth: int) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise InvalidFilter(f"the filter has more than {MAX_NODES} nodes")
        if depth > MAX_DEPTH:
            raise InvalidFilter(f"the filter is nested more than {MAX_DEPTH} deep")
        if not isinstance(tree, dict) or len(tree) != 1:
            raise InvalidFilter(f"{path} must be an object with one of eq, in, prefix, and, or, not")
        ((operator, operand),) = tree.items()
        path = f"{path}.{operator}"
        match operator:
            case "eq":
                return self._eq(operand, path)
            case "in":
                return self._in(operand, path)
            case "prefix":
                name, text = self._pair(operand, path)
                return Prefix(name, self._text(text, f"{path}.{name}"))
            case "and":
                return And(self._list(operand, path, depth))
            case "or":
                return Or(self._list(operand, path, depth))
            case "not":
                return Not(self.node(operand, path, depth + 1))
            case _:
                raise InvalidFilter(
                    f"{str(operator)[:40]!r} is not a filter operator; use eq, in, prefix, and, or, not"
                )

    def value(self, name: Field, value: object, path: str) -> str:
        text = self._text(value, path)
        if name == "status" and text not in STATUSES:
            raise InvalidFilter(
                f"{path}: {text[:40]!r} is not a status; the statuses are {', '.join(STATUSES)}"
            )
        if name == "job" and not all(text.partition("/")):
            raise InvalidFilter(f"{path}: {text[:40]!r} is no job's name; write source/id, such as jobs/17")
        return text

    def _text(self, value: object, path: str) -> str:
        self._values += 1
        if self._values > MAX_VALUES:
            raise InvalidFilter(f"the filter has more than {MAX_VALUES} values")
        if not isinstance(value, str):
            raise InvalidFilter(f"{path} must be text")
        if len(value) > MAX_VALUE_LENGTH:
            raise InvalidFilter(f"{path} is longer than {MAX_VALUE_LENGTH} characters")
        if not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise InvalidFilter(f"{path} holds half of a character (a lone surrogate)")
        return value

    def _eq(self, operand: object, path: str) -> Node:
        if not isinstance(operand, dict) or not operand:
            raise InvalidFilter(f"{path} must be an object of a field and its value")
        found: list[Node] = []
        for name, value in operand.items():
            key = _field(name, path)
            found.append(In(key, (self.value(key, value, f"{path}.{key}"),)))
        return And(tuple(found))

    def _in(self, operand: object, path: str) -> Node:
        name, values = self._pair(operand, path)
        if not isinstance(values, list) or not values:
            raise InvalidFilter(f"{path}.{name} must be a list of at least one value")
        return In(name, tuple(self.value(name, value, f"{path}.{name}") for value in values))

    def _pair(self, operand: object, path: str) -> tuple[Field, object]:
        if not isinstance(operand, dict) or len(operand) != 1:
            raise InvalidFilter(f"{path} must be an object of one field")
        ((name, value),) = operand.items()
        return _field(name, path), value

    def _list(self, operand: object, path: str, depth: int) -> tuple[Node, ...]:
        if not isinstance(operand, list) or not operand:
            raise InvalidFilter(f"{path} must be a list of at least one node")
        return tuple(self.node(node, f"{path}[{place}]", depth + 1) for place, node in enumerate(operand))


def _field(name: object, path: str) -> Field:
    for known in FIELDS:
        if name == known:
            return known
    raise InvalidFilter(
        f"{str(name)[:40]!r} in {path} is not a filter field; the fields are {', '.join(FIELDS)}"
    )


EVERYTHING: Final = Filter.of(Everything())
"""The filter of a client that gave none."""
