"""`after` and `next` of lists: opaque text that says where a list goes on in each source, and of which list it is."""

import binascii
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2s
from typing import Annotated, Final

import msgspec
from msgspec.structs import astuple

from tailboard.db.jobs.page import LAST_ID, JobFilter, Place, Places, Sort
from tailboard.errors import InvalidCursor, InvalidFilter

Int8 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Text = Annotated[str, msgspec.Meta(pattern="^[^\\x00]*$")]
MAX_LENGTH: Final = 5_000
"""An address longer than 64 KiB is refused before anybody looks at it, and each character may take twelve."""
_UNPACKED: Final = 100_000
"""Bytes beyond which nobody wrote a text that unpacks to so much."""


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    id: Int8 | _Text | None = None
    at: _Text | None = None
    rank: Int8 | None = None
    tie: Int8 | None = None
    top: Int8 = LAST_ID
    floor: Int8 = 0


_START: Final = astuple(_Place())


class _Written(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    list: str
    places: dict[str, _Place]


def write_places(places: Places | None, of: str) -> str | None:
    """The text for places in the list `of`; None at the end. Raises InvalidFilter where it would be too long."""
    if places is None:
        return None
    written = msgspec.json.encode([of, {source: _short(place) for source, place in places.items()}])
    text = urlsafe_b64encode(zlib.compress(written, 9)).rstrip(b"=").decode()
    if len(text) > MAX_LENGTH or len(written) > _UNPACKED:
        raise InvalidFilter(
            f"This list goes on in {len(places)} sources, and their ids are too long for one `next`:"
            " ask for fewer of them at once, with source=."
        )
    return text


def read_places(text: str, of: str) -> dict[str, Place]:
    """Read what write_places wrote. Raises InvalidCursor for anything else, and for another list's places."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        unpacked = zlib.decompressobj().decompress(urlsafe_b64decode(padded), _UNPACKED)
        written = msgspec.json.decode(unpacked, type=_Written)
    except (UnicodeError, binascii.Error, zlib.error, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidCursor("after must be the `next` of a page of this list, unchanged.") from error
    if written.list != of:
        raise InvalidCursor("after belongs to a list with another filter or order; begin again without it.")
    return {
        source: Place(id=at.id, at=at.at, rank=at.rank, tie=at.tie, top=at.top, floor=at.floor)
        for source, at in written.places.items()
    }


def _short(place: Place) -> list[int | str | None]:
    """Without what is at its end as it is at the start of a list."""
    values = [place.id, place.at, place.rank, place.tie, place.top, place.floor]
    while values and values[-1] == _START[len(values) - 1]:
        values.pop()
    return values


def list_name(as_of: str | None, wanted: JobFilter, sort: Sort, text: str) -> str:
    """A short name for a list: the same moment, filter, order and search give the same."""
    said = msgspec.json.encode([as_of, wanted, sort, text])
    return blake2s(said, digest_size=6).hexdigest()
