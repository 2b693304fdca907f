"""Several sources' pages made into one. Pure: each page is in its own order, and keeps it.

The head of a page is what its source would show next; of all heads the newest goes first. A page that comes to
its end while its source has more ends the whole, because nobody knows what would come next.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from tailboard.db.jobs.page import Place, Places, Row, Sort, SourcePage

Key = tuple[int, str] | tuple[int, int]
"""Smaller goes first; what has no time is (1, "")."""


class _Ranked(msgspec.Struct):
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    priority: int | None = None


_DECODER: Final = msgspec.json.Decoder(_Ranked)

# PostgreSQL writes times in JSON as ISO 8601, here always in UTC, so their text sorts as they do; turned upside
# down, the latest is the smallest.
_UPSIDE_DOWN: Final = {code: 0x7F - (code - 0x20) for code in range(0x20, 0x80)}


def merge(
    pages: Mapping[str, SourcePage], begun: Places, sort: Sort, limit: int
) -> tuple[tuple[Row, ...], dict[str, Place]]:
    """The first `limit` rows of all pages, and where each source goes on; one that has ended is not named.

    `begun` is where each page began.
    """
    if len(pages) == 1:  # as long as nothing is adopted, nothing is weighed
        ((source, page),) = pages.items()
        return page.rows, {} if page.after is None else {source: page.after}
    key = _key_of(sort)
    keys = {source: _kept_in_order([key(row) for row in page.rows]) for source, page in pages.items()}
    taken = dict.fromkeys(pages, 0)
    rows: list[Row] = []
    while len(rows) < limit:
        heads = [
            (keys[source][taken[source]], source)
            for source, page in pages.items()
            if taken[source] < len(page.rows)
        ]
        if not heads or any(taken[source] == len(page.rows) and page.after for source, page in pages.items()):
            break
        _, source = min(heads)
        rows.append(pages[source].rows[taken[source]])
        taken[source] += 1
    places = {source: _place(page, taken[source], begun[source]) for source, page in pages.items()}
    return tuple(rows), {source: place for source, place in places.items() if place is not None}


def _kept_in_order(keys: list[Key]) -> list[Key]:
    """The keys, where what has no time goes with what follows it in its source."""
    following: Key = (1, "")
    for place in reversed(range(len(keys))):
        if keys[place][0]:
            keys[place] = following
        following = keys[place]
    return keys


def _place(page: SourcePage, taken: int, begun: Place) -> Place | None:
    if taken == len(page.rows):
        return page.after
    return page.rows[taken - 1].place if taken else begun


def _key_of(sort: Sort) -> Callable[[Row], Key]:
    match sort:
        case "newest":
            return lambda row: _latest_first(_ranked(row).created_at or row.seen_at)
        case "oldest":
            return lambda row: _earliest_first(_ranked(row).created_at or row.seen_at)
        case "priority":
            return lambda row: (0, -(_ranked(row).priority or 0))
        case "started":
            return lambda row: _latest_first(_ranked(row).started_at)
        case "finished":
            return lambda row: _latest_first(_ranked(row).finished_at)


def _ranked(row: Row) -> _Ranked:
    return _DECODER.decode(row.card.json)


def _earliest_first(at: str | None) -> Key:
    return (1, "") if at is None else (0, at)


def _latest_first(at: str | None) -> Key:
    return (1, "") if at is None else (0, at.translate(_UPSIDE_DOWN))
