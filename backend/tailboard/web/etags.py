"""Entity tags (RFC 9110): what ours are, and what `If-Match` and `If-None-Match` name.

A job's is its version and a digest: `"812-5f3a9c01d2e4"`. The version is what an action asks for, and enough of a tag
for it. Whether an answer would be the same only the digest knows: a column may be added without a change, and what a
source's expressions read elsewhere may be another now.
"""

import re
from hashlib import blake2s
from typing import Final

from tailboard.db.jobs.page import Card

TAGS: Final = r'^(\*|(W/)?"[!#-~]*"([ \t]*,[ \t]*(W/)?"[!#-~]*")*)$'
"""What such a header may hold."""
_TAG: Final = re.compile(r'(?:W/)?("[!#-~]*")')
_VERSION: Final = re.compile(r'"([0-9]{1,18})(?:-[0-9a-f]*)?"', re.ASCII)


def etag(card: Card) -> str:
    return f'"{card.version}-{blake2s(card.json, digest_size=6).hexdigest()}"'


def versions(if_match: str | None) -> frozenset[int] | None:
    """The versions at which a job may be; None where any will do. A proxy that compresses makes tags weak: they count
    all the same.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    named = [_VERSION.fullmatch(tag) for tag in _TAG.findall(if_match)]
    return frozenset([int(match[1]) for match in named if match is not None])


def names(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has what this tag is of, weak or not."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
