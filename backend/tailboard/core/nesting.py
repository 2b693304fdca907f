"""Cards that any reader can parse: JSON nests at most so deep, whatever a worker wrote.

Parsers give up where values are nested too deep, and one job must not keep a reader from all the others. What is too
deep is left out as what is too large is, and named in the card's `omitted`; whoever wants it asks for the job.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

import msgspec

DEEPEST: Final = 64
"""How many lists and objects a card may have around a value; the strictest parsers in use stop at 100."""

_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_NO_BRACKETS: Final = re.compile(_STRING + rb"|[^][{}\"]+")
_MARKS: Final = re.compile(_STRING + rb"|[][{},]")
_DEEPER: Final = {ord(opening): 1 for opening in "[{"}
_EMPTY: Final = {b'"phases"': b"[]"}
"""What stands for a value that is left out, where that is not null."""


def shallow(card: bytes) -> bytes:
    """The card, a JSON object, without those of its values that are nested too deep."""
    # Counting is next to nothing, and nearly always enough.
    if card.count(b"[") + card.count(b"{") <= DEEPEST or _depth(card) <= DEEPEST:
        return card
    kept, deep = [], []
    already: list[str] = []
    for name, value in _fields(card):
        if name == b'"omitted"':
            already = msgspec.json.decode(value, type=list[str])
        elif _depth(value) < DEEPEST:
            kept.append(name + b": " + value)
        else:
            deep.append(msgspec.json.decode(name, type=str))
            kept.append(name + b": " + _EMPTY.get(name, b"null"))
    omitted = msgspec.json.encode([*already, *(name for name in deep if name not in already)])
    return b"{" + b", ".join([*kept, b'"omitted": ' + omitted]) + b"}"


def _depth(text: bytes) -> int:
    brackets = _NO_BRACKETS.sub(b"", text)
    return max(accumulate(_DEEPER.get(bracket, -1) for bracket in brackets), default=0)


def _fields(card: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The names, in their quotes, and the values of an object."""
    depth, name, start = 0, b"", 0
    for mark in _MARKS.finditer(card):
        found = mark.group()
        if found[0] in b"[{":
            depth += 1
        elif found[0] in b"]}":
            depth -= 1
        elif depth == 1 and not name:
            name, start = found, mark.end()
            continue
        if name and (depth == 0 or (depth == 1 and found == b",")):
            yield name, card[start : mark.start()].lstrip(b" \t\r\n:").rstrip()
            name = b""
