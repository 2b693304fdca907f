"""What a check finds, and the words that several of them say it in."""

from enum import StrEnum
from typing import Final

import msgspec

END_PREPARED: Final = (
    "A prepared transaction is ended by name, in its database: "
    "SELECT gid, owner FROM pg_prepared_xacts, then COMMIT PREPARED or ROLLBACK PREPARED."
)


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """What one check saw, and what to do about it (empty where nothing is to be done)."""

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


Judgement = tuple[Verdict, str, str]
"""Verdict, what was found, what to do."""


def age(seconds: float) -> str:
    """In the largest unit of which there are two."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
