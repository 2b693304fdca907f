"""Mailboxes: order, collapse, reset, and bounded memory whatever happens."""

import json

from hypothesis import given
from hypothesis import strategies as st

from delivery_rig import make_event
from tailboard.core.cursor import Cursor
from tailboard.core.frames import Entry, Parcel, event_entry, reset_entry, stats_entry
from tailboard.core.mailbox import TAKE_LIMIT, Mailbox

ENTRY_COSTS = 64
"""Beside its JSON."""


def parcel(*places: tuple[int, int], padding: int = 0) -> Parcel:
    return Parcel(
        tuple(event_entry(make_event(position, job=job, padding=padding)) for position, job in places)
    )


def taken(mailbox: Mailbox) -> list[Entry]:
    found: list[Entry] = []
    while (part := mailbox.take()) is not None:
        found.extend(part.entries)
    return found


def test_up_to_half_everything_is_kept_in_order_and_shared() -> None:
    mailbox = Mailbox(100_000)
    parcels = [parcel((n, 1)) for n in range(1, 20)]
    for each in parcels:
        mailbox.put(each)
    assert [mailbox.take() for _ in parcels] == parcels
    assert mailbox.take() is None
    assert mailbox.size == 0


def test_past_half_only_the_newest_of_each_job_is_kept() -> None:
    mailbox = Mailbox(20_000)
    for n in range(1, 101):
        mailbox.put(parcel((n, n % 3)))
    assert mailbox.collapses >= 1
    assert mailbox.resets == 0
    found = taken(mailbox)
    assert [entry.cursor.position for entry in found] == sorted(entry.cursor.position for entry in found)
    assert {entry.cursor.position for entry in found} >= {98, 99, 100}
    assert len(found) < 50


def test_once_it_was_emptied_everything_is_kept_again() -> None:
    mailbox = Mailbox(20_000)
    while mailbox.collapses == 0:
        mailbox.put(parcel((1, 1)))
    taken(mailbox)
    mailbox.put(parcel((2, 1), (3, 1)))
    assert [entry.cursor.position for entry in taken(mailbox)] == [2, 3]


def test_stats_collapse_too() -> None:
    mailbox = Mailbox(2_000)
    for n in range(1, 101):
        mailbox.put(Parcel((stats_entry(make_event(n).cursor, {"total": n}),)))
    assert json.loads(taken(mailbox)[-1].data)["stats"] == {"total": 100}
    assert mailbox.resets == 0


def test_up_to_the_very_half_nothing_is_left_out_and_beyond_it_is() -> None:
    parcels = [parcel((n, 1)) for n in (1, 2)]
    both = sum(each.size + ENTRY_COSTS for each in parcels)
    for limit, kept in ((2 * both, 2), (2 * both - 2, 1)):
        mailbox = Mailbox(limit)
        for each in parcels:
            mailbox.put(each)
        assert len(taken(mailbox)) == kept


def test_what_is_no_jobs_newest_word_is_kept_whatever_else_waits() -> None:
    mailbox = Mailbox(2_000)
    sources = [f"source{n}" for n in range(10)]
    for n, source in enumerate(sources, 1):
        mailbox.put(Parcel((reset_entry("source_reset", Cursor(1, n), source),)))
    assert (mailbox.collapses, mailbox.resets) == (1, 0)
    assert [json.loads(entry.data)["source"] for entry in taken(mailbox)] == sources


def test_very_many_tiny_entries_are_bounded_too() -> None:
    mailbox = Mailbox(20_000)
    for n in range(1, 1_001):
        mailbox.put(Parcel((Entry(f"jobs/{n}", Cursor(1, n), "left", b"{}"),)))
    assert mailbox.resets >= 1


def test_what_was_shortened_is_taken_in_parts_of_a_bounded_size() -> None:
    mailbox = Mailbox(8 * TAKE_LIMIT)
    for n in range(1, 21):
        mailbox.put(parcel((n, n), padding=TAKE_LIMIT // 4))
    mailbox.put(parcel((21, 21), padding=2 * TAKE_LIMIT))
    sizes = []
    while (part := mailbox.take()) is not None:
        assert part.entries
        sizes.append(part.size)
    assert mailbox.collapses == 1
    assert max(sizes[:-1]) <= TAKE_LIMIT < sizes[-1]
    assert len(sizes) < 10


def test_past_the_limit_there_is_one_reset_at_the_newest_cursor_and_then_what_follows() -> None:
    mailbox = Mailbox(20_000)
    n = 0
    while mailbox.resets == 0:
        n += 1
        mailbox.put(parcel((n, n), padding=200))
    mailbox.put(parcel((n + 1, 1)))
    reset, after = taken(mailbox)
    assert json.loads(reset.data) == {"type": "reset", "reason": "lagged", "cursor": f"1.{n}"}
    assert after.cursor.position == n + 1


def test_a_resets_that_follow_each_other_become_one() -> None:
    mailbox = Mailbox(20_000)
    for n in range(1, 500):
        mailbox.put(parcel((n, n), padding=200))
    assert mailbox.resets > 1
    assert [entry.type for entry in taken(mailbox)].count("reset") == 1


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 6), st.integers(0, 400)), min_size=1, max_size=5), max_size=60
    ),
    st.lists(st.booleans(), max_size=60),
)
def test_a_client_ends_with_the_newest_word_on_every_job_or_a_reset(
    puts: list[list[tuple[int, int]]], takes: list[bool]
) -> None:
    mailbox = Mailbox(4_000)
    position = 0
    newest: dict[str | None, int] = {}
    found: list[Entry] = []
    for place, jobs in enumerate(puts):
        entries = []
        for job, padding in jobs:
            position += 1
            entries.append(event_entry(make_event(position, job=job, padding=padding)))
            newest[entries[-1].key] = position
        mailbox.put(Parcel(tuple(entries)))
        assert mailbox.size <= mailbox.limit
        if place < len(takes) and takes[place] and (part := mailbox.take()) is not None:
            found.extend(part.entries)
    found.extend(taken(mailbox))
    assert mailbox.size == 0
    positions = [entry.cursor.position for entry in found]
    assert positions == sorted(positions)
    seen: dict[str | None, int] = {}
    floor = 0
    for entry in found:
        if entry.type == "reset":
            seen.clear()
            floor = entry.cursor.position
        else:
            seen[entry.key] = entry.cursor.position
    for key, last in newest.items():
        assert seen.get(key) == last or last <= floor
