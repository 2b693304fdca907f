"""A source with which all is well."""

from datetime import UTC, datetime

from tailboard.sources.look import Look

WELL = Look(
    name="orders",
    table="shop.orders",
    version=1,
    attached_at=datetime(2026, 1, 1, tzinfo=UTC),
    synced=True,
    there=True,
    found=True,
    same=True,
    restored=False,
    watched=True,
    triggers=["tailboard_watch", "tailboard_emptied"],
    followed=0,
    follows=0,
    unwatched=[],
    heirs=[],
    columns={"id": "bigint"},
    columns_now={"id": "bigint"},
    denied=None,
    readable=True,
    written=True,
    remembers=False,
    emptied=False,
    faults=0,
    faults_counted=0,
    last_fault=None,
    last_fault_at=None,
    shape="a",
    shape_counted="a",
    tuples=10,
    counted_at=None,
    wanted=None,
    failure=None,
    trouble=None,
)
