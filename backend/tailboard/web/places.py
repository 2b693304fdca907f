"""`after` and `next` of lists: opaque text that says where a list goes on, and of which list it is."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2s
from typing import Annotated

import msgspec

from tailboard.db.listing import JobFilter, Place, Sort
from tailboard.errors import InvalidCursor

_Int8 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Written(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    list: str
    id: _Int8
    rank: _Int8 | None
    tie: _Int8 | None
    top: _Int8
    floor: _Int8


def write_place(place: Place | None, of: str) -> str | None:
    """The text for a place in the list `of`; None at the end."""
    if place is None:
        return None
    written = _Written(of, place.id, place.rank, place.tie, place.top, place.floor)
    return urlsafe_b64encode(msgspec.json.encode(written)).rstrip(b"=").decode()


def read_place(text: str, of: str) -> Place:
    """Read what write_place wrote. Raises InvalidCursor for anything else, and for another list's place."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        written = msgspec.json.decode(urlsafe_b64decode(padded), type=_Written)
    except (UnicodeError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidCursor("after must be the `next` of a page of this list, unchanged.") from error
    if written.list != of:
        raise InvalidCursor("after belongs to a list with another filter or order; begin again without it.")
    return Place(id=written.id, rank=written.rank, tie=written.tie, top=written.top, floor=written.floor)


def list_name(wanted: JobFilter, sort: Sort, text: str) -> str:
    """A short name for a list: the same filter, order and search give the same."""
    said = msgspec.json.encode([wanted.sources, wanted.parameters(), sort, text])
    return blake2s(said, digest_size=6).hexdigest()
