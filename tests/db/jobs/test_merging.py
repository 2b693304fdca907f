"""Merging pages: every source keeps its order, and a page that ends early ends the whole."""

import json
import random

from tailboard.core.job import JobName
from tailboard.db.jobs.merging import merge
from tailboard.db.jobs.page import START, Card, Place, Row, SourcePage


def row(source: str, n: int, at: str | None, **fields: object) -> Row:
    card = json.dumps({"created_at": at, **fields}).encode()
    return Row(Card(JobName(source, str(n)), card, 0), None, Place(id=n))


def names(rows: tuple[Row, ...]) -> list[str]:
    return [str(row.card.name) for row in rows]


def test_sources_are_merged_by_time_whatever_its_fraction() -> None:
    a = SourcePage(
        rows=(row("a", 2, "2026-01-01T00:00:00.5+00:00"), row("a", 1, "2026-01-01T00:00:00+00:00")),
        after=None,
    )
    b = SourcePage(
        rows=(row("b", 9, "2026-01-01T00:00:00.52+00:00"), row("b", 8, "2025-12-31T23:59:59.9+00:00")),
        after=None,
    )
    begun = {"a": START, "b": START}
    assert names(merge({"a": a, "b": b}, begun, "newest", 9)[0]) == ["b/9", "a/2", "a/1", "b/8"]
    turned = {name: SourcePage(rows=page.rows[::-1], after=None) for name, page in (("a", a), ("b", b))}
    assert names(merge(turned, begun, "oldest", 9)[0]) == ["b/8", "a/1", "a/2", "b/9"]


def test_sources_are_merged_by_what_the_order_names() -> None:
    new, old = "2026-01-02", "2026-01-01"
    fields = {"a": ("priority", 5), "b": ("priority", 9), "c": ("priority", None)}
    pages = {name: SourcePage(rows=(row(name, 1, new, **{field: value}),), after=None)
             for name, (field, value) in fields.items()}  # fmt: skip
    begun = dict.fromkeys(pages, START)
    assert names(merge(pages, begun, "priority", 9)[0]) == ["b/1", "a/1", "c/1"]
    pages = {
        "a": SourcePage(rows=(row("a", 1, None, started_at=old, finished_at=new),), after=None),
        "b": SourcePage(rows=(row("b", 1, None, started_at=new, finished_at=old),), after=None),
    }
    begun = dict.fromkeys(pages, START)
    assert names(merge(pages, begun, "started", 9)[0]) == ["b/1", "a/1"]
    assert names(merge(pages, begun, "finished", 9)[0]) == ["a/1", "b/1"]


def test_who_does_not_say_when_it_was_created_is_where_the_log_heard_of_it() -> None:
    heard = Row(Card(JobName("a", "1"), b"{}", 0), "2026-01-02", Place(id=1))
    unheard = Row(Card(JobName("a", "2"), b"{}", 0), None, Place(id=2))
    b = SourcePage(rows=(row("b", 9, "2026-01-03"), row("b", 8, "2026-01-01")), after=None)
    begun = {"a": START, "b": START}
    pages = {"a": SourcePage(rows=(heard, unheard), after=None), "b": b}
    assert names(merge(pages, begun, "newest", 9)[0]) == ["b/9", "a/1", "b/8", "a/2"]
    turned = {"a": SourcePage(rows=(heard,), after=None), "b": SourcePage(rows=b.rows[::-1], after=None)}
    assert names(merge(turned, begun, "oldest", 9)[0]) == ["b/8", "a/1", "b/9"]


def test_a_source_that_has_more_than_it_gave_ends_the_page() -> None:
    short = SourcePage(rows=(row("a", 5, "2026-01-05"),), after=Place(id=5))
    full = SourcePage(rows=(row("b", 9, "2026-01-09"), row("b", 1, "2026-01-01")), after=None)
    rows, places = merge({"a": short, "b": full}, {"a": START, "b": START}, "newest", 9)
    assert names(rows) == ["b/9", "a/5"]
    assert places == {"a": Place(id=5), "b": Place(id=9)}


def test_what_was_not_taken_goes_on_from_where_it_began() -> None:
    a = SourcePage(rows=(row("a", 5, "2026-01-05"),), after=None)
    b = SourcePage(rows=(row("b", 1, "2026-01-01"),), after=None)
    rows, places = merge({"a": a, "b": b}, {"a": START, "b": Place(id=7)}, "newest", 1)
    assert names(rows) == ["a/5"]
    assert places == {"b": Place(id=7)}


def test_what_has_no_time_goes_with_what_follows_it_in_its_source() -> None:
    a = SourcePage(rows=(row("a", 3, None), row("a", 2, "2026-01-02"), row("a", 1, None)), after=None)
    b = SourcePage(rows=(row("b", 9, "2026-01-03"), row("b", 8, "2026-01-01")), after=None)
    rows, _ = merge({"a": a, "b": b}, {"a": START, "b": START}, "newest", 9)
    assert names(rows) == ["b/9", "a/3", "a/2", "b/8", "a/1"]


def test_pages_of_any_size_lead_through_everything_once() -> None:
    rng = random.Random(3)
    sources = {
        name: [
            row(name, n, f"2026-01-{(n * rng.randint(1, 2)) % 28 + 1:02}", priority=n % 3)
            for n in range(40, 0, -1)
        ]
        for name in ("a", "b", "c")
    }
    for limit in (1, 3, 7, 50):
        places: dict[str, Place] = dict.fromkeys(sources, START)
        found: list[str] = []
        while places:
            pages = {}
            for name, place in places.items():
                left = [
                    each
                    for each in sources[name]
                    if place == START or int(each.card.name.id) < int(place.id or 0)
                ]
                given = rng.randint(0, limit)
                part = tuple(left[:given])
                after = (
                    None
                    if len(left) <= given
                    else part[-1].place
                    if part
                    else Place(id=int(left[0].card.name.id) + 1)
                )
                pages[name] = SourcePage(rows=part, after=after)
            rows, places = merge(pages, places, "newest", limit)
            found += names(rows)
        assert len(found) == len(set(found)) == 120
