"""Cards that any reader can parse: JSON nests at most so deep, whatever a worker wrote.

Parsers give up where values are nested too deep, and one job must not keep a reader from all the others. What is too
deep is left out as what is too large is, and named in the card's `omitted`; whoever wants it asks for the job.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

DEEPEST: Final = 64
"""How many lists and objects a card may have around a value; the strictest parsers in use stop at 100."""

_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_STRINGS: Final = re.compile(_STRING)
_MARKS: Final = re.compile(_STRING + rb"|[][{},]")
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_EMPTY: Final = {b'"phases"': b"[]"}
"""What stands for a value that is left out, where that is not null."""


def shallow(card: bytes) -> bytes:
    """The card, a JSON object, without those of its values that are nested too deep."""
    # Counting is next to nothing, and nearly always enough.
    if card.count(b"[") + card.count(b"{") <= DEEPEST or not _deeper(card, DEEPEST):
        return card
    kept, deep = [], []
    already: list[str] = []
    for name, value in _fields(card):
        if name == b'"omitted"':
            already = msgspec.json.decode(value, type=list[str])
        elif not _deeper(value, DEEPEST - 1):
            kept.append(name + b": " + value)
        else:
            deep.append(msgspec.json.decode(name, type=str))
            kept.append(name + b": " + _EMPTY.get(name, b"null"))
    omitted = msgspec.json.encode([*already, *(name for name in deep if name not in already)])
    return b"{" + b", ".join([*kept, b'"omitted": ' + omitted]) + b"}"


def _deeper(text: bytes, limit: int) -> bool:
    """Whether more than `limit` lists and objects are around anything: each pass takes away the innermost."""
    brackets = _STRINGS.sub(b"", text).translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(limit):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


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
