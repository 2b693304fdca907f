"""Predicates over jobs: the tree a filter is made of, and what can be known of it before any job is seen.

A tree is normalised (flattened, sorted, without repetitions), so that two that mean the same are equal;
compiled to a closure; and asked for its index keys. A job is looked at through a View: the few values of
its card that filters know. An absent value (a job without a worker) equals nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, assert_never, get_args

import msgspec

from tailboard.core.change import Change, Op

Field = Literal["source", "queue", "kind", "status", "worker", "job", "tags"]

FIELDS: Final[tuple[Field, ...]] = get_args(Field)

IndexKey = tuple[Field, str]

# The narrower a field usually is, the fewer filters a change finds under its values.
_INDEX_ORDER: Final[tuple[Field, ...]] = ("job", "worker", "tags", "kind", "queue", "source", "status")


class View(NamedTuple):
    """What a filter sees of a job at one moment. The order is that of FIELDS."""

    source: str
    queue: str | None
    kind: str | None
    status: str | None
    worker: str | None
    job: str
    tags: tuple[str, ...]


Match = Callable[[View], bool]


@dataclass(frozen=True, slots=True)
class Everything:
    """Holds for every job."""


@dataclass(frozen=True, slots=True)
class In:
    """Holds when the field has one of the values; for tags, when the job has one of the tags."""

    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Holds when the field begins with the text; for tags, when one of the tags does."""

    field: Field
    prefix: str


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    node: "Node"


Node = Everything | In | Prefix | And | Or | Not


def after_view(change: Change) -> View | None:
    """The job as the change left it, or as it ended where the DELETE of its row means that; None when the change
    left no job.
    """
    if change.op is Op.RESET or (change.op is Op.DELETE and change.new_status is None):
        return None
    facets = change.facets
    return View(
        change.source,
        facets.queue,
        facets.kind,
        change.new_status,
        facets.worker,
        f"{change.source}/{change.job_id}",
        facets.tags,
    )


def before_view(change: Change) -> View | None:
    """The job as the change found it, from the change alone; None when there was none."""
    if change.op is Op.INSERT or change.op is Op.RESET:
        return None
    facets, was = change.facets, change.was
    queue, kind, worker, tags = facets.queue, facets.kind, facets.worker, facets.tags
    if was is not None:
        queue = queue if was.queue is msgspec.UNSET else was.queue
        kind = kind if was.kind is msgspec.UNSET else was.kind
        worker = worker if was.worker is msgspec.UNSET else was.worker
        tags = tags if was.tags is msgspec.UNSET else was.tags or ()
    return View(
        change.source, queue, kind, change.old_status, worker, f"{change.source}/{change.job_id}", tags
    )


def normalise(node: Node) -> Node:
    """The one way to write what the tree says."""
    match node:
        case Everything() | Prefix():
            return node
        case In(name, values):
            return In(name, tuple(sorted(set(values))))
        case And(nodes):
            flat = _flatten(nodes, And)
            flat = {key: child for key, child in flat.items() if not isinstance(child, Everything)}
            if not flat:
                return Everything()
            return _only(flat) or And(tuple(flat.values()))
        case Or(nodes):
            flat = _flatten(nodes, Or)
            if any(isinstance(child, Everything) for child in flat.values()):
                return Everything()
            return _only(flat) or Or(tuple(flat.values()))
        case Not(inner):
            child = normalise(inner)
            return child.node if isinstance(child, Not) else Not(child)
        case _:
            assert_never(node)


def _flatten(nodes: Iterable[Node], kind: type[And] | type[Or]) -> dict[str, Node]:
    flat: list[Node] = []
    for node in map(normalise, nodes):
        flat.extend(node.nodes if isinstance(node, (And, Or)) and isinstance(node, kind) else (node,))
    keyed = {msgspec.json.encode(plain(node)).decode(): node for node in flat}
    return dict(sorted(keyed.items()))


def _only(nodes: dict[str, Node]) -> Node | None:
    return next(iter(nodes.values())) if len(nodes) == 1 else None


def plain(node: Node) -> dict[str, object]:
    """The tree as it is spelt in JSON."""
    match node:
        case Everything():
            return {}
        case In(name, (value,)):
            return {"eq": {name: value}}
        case In(name, values):
            return {"in": {name: values}}
        case Prefix(name, prefix):
            return {"prefix": {name: prefix}}
        case And(nodes):
            return {"and": [plain(child) for child in nodes]}
        case Or(nodes):
            return {"or": [plain(child) for child in nodes]}
        case Not(inner):
            return {"not": plain(inner)}
        case _:
            assert_never(node)


def compiled(node: Node) -> Match:
    """A closure per node: a view is tested some thousand times a second against each distinct filter."""
    match node:
        case Everything():
            return lambda _: True
        case In("tags", values):
            tags = frozenset(values)
            return lambda view: not tags.isdisjoint(view.tags)
        case In(name, values):
            place, wanted = FIELDS.index(name), frozenset(values)
            return lambda view: view[place] in wanted
        case Prefix("tags", prefix):
            return lambda view: any(tag.startswith(prefix) for tag in view.tags)
        case Prefix(name, prefix):
            place = FIELDS.index(name)
            return lambda view: isinstance(value := view[place], str) and value.startswith(prefix)
        case And(nodes):
            parts = tuple(map(compiled, nodes))
            return lambda view: all(part(view) for part in parts)
        case Or(nodes):
            parts = tuple(map(compiled, nodes))
            return lambda view: any(part(view) for part in parts)
        case Not(inner):
            part = compiled(inner)
            return lambda view: not part(view)
        case _:
            assert_never(node)


def index_keys(node: Node) -> frozenset[IndexKey] | None:
    """Field values of which every matching job has at least one; None when there is no such set."""
    match node:
        case In(name, values):
            return frozenset((name, value) for value in values)
        case And(nodes):
            found = [keys for keys in map(index_keys, nodes) if keys is not None]
            return min(found, key=_breadth, default=None)
        case Or(nodes):
            union: set[IndexKey] = set()
            for child in nodes:
                keys = index_keys(child)
                if keys is None:
                    return None
                union |= keys
            return frozenset(union)
        case Everything() | Prefix() | Not():
            return None
        case _:
            assert_never(node)


def _breadth(keys: frozenset[IndexKey]) -> tuple[int, int]:
    return max(_INDEX_ORDER.index(name) for name, _ in keys), len(keys)


def touches(node: Node, source: str) -> bool | None:
    """Three-valued: True or False when the source alone decides, None when the job does."""
    match node:
        case Everything():
            return True
        case In("source", values):
            return source in values
        case In("job", values):
            return None if any(value.startswith(f"{source}/") for value in values) else False
        case Prefix("source", prefix):
            return source.startswith(prefix)
        case In() | Prefix():
            return None
        case And(nodes):
            verdicts = [touches(child, source) for child in nodes]
            return False if False in verdicts else None if None in verdicts else True
        case Or(nodes):
            verdicts = [touches(child, source) for child in nodes]
            return True if True in verdicts else None if None in verdicts else False
        case Not(inner):
            verdict = touches(inner, source)
            return None if verdict is None else not verdict
        case _:
            assert_never(node)
