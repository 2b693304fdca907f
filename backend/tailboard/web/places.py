"""`after` and `next` of lists: opaque text that says where a list goes on in each source, and of which list it is."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2s
from typing import Annotated, Final

import msgspec

from tailboard.db.jobs.page import LAST_ID, JobFilter, Place, Places, Sort
from tailboard.errors import InvalidCursor

Int8 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Text = Annotated[str, msgspec.Meta(max_length=1000, pattern="^[^\\x00]*$")]
MAX_LENGTH: Final = 5_000
"""An address longer than 64 KiB is refused before anybody looks at it, and each character may take twelve."""


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True, omit_defaults=True):
    id: Int8 | _Text | None = None
    at: _Text | None = None
    rank: Int8 | None = None
    tie: Int8 | None = None
    top: Int8 = LAST_ID
    floor: Int8 = 0


class _Written(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    list: str
    places: dict[str, _Place]


def write_places(places: Places | None, of: str) -> str | None:
    """The text for places in the list `of`; None at the end."""
    if places is None:
        return None
    written = _Written(
        of,
        {
            source: _Place(place.id, place.at, place.rank, place.tie, place.top, place.floor)
            for source, place in places.items()
        },
    )
    return urlsafe_b64encode(msgspec.json.encode(written)).rstrip(b"=").decode()


def read_places(text: str, of: str) -> dict[str, Place]:
    """Read what write_places wrote. Raises InvalidCursor for anything else, and for another list's places."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        written = msgspec.json.decode(urlsafe_b64decode(padded), type=_Written)
    except (UnicodeError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
        raise InvalidCursor("after must be the `next` of a page of this list, unchanged.") from error
    if written.list != of:
        raise InvalidCursor("after belongs to a list with another filter or order; begin again without it.")
    return {
        source: Place(id=at.id, at=at.at, rank=at.rank, tie=at.tie, top=at.top, floor=at.floor)
        for source, at in written.places.items()
    }


def list_name(wanted: JobFilter, sort: Sort, text: str) -> str:
    """A short name for a list: the same filter, order and search give the same."""
    said = msgspec.json.encode([wanted, sort, text])
    return blake2s(said, digest_size=6).hexdigest()
