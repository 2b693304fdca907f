"""The patterns that a client's text has to fit, and how a refusal reads: a validator names a pattern, not its use."""

import re
from collections.abc import Mapping
from typing import Final, get_args

from tailboard.core.action import Action
from tailboard.core.job import Status
from tailboard.db.jobs.page import Sort
from tailboard.web.etags import TAGS

NO_NUL: Final = "^[^\\x00]*$"
"""PostgreSQL's text holds every character but this one."""
JOB_NAME: Final = "^[^/\\x00]+/[^\\x00]+$"
"""`source/id`."""
SEQ: Final = "^[0-9]{1,18}$"
"""A place in a job's history."""

_WANTED: Final[Mapping[str, str]] = {
    repr(NO_NUL): "may not hold the character U+0000",
    repr(JOB_NAME): "is no job's name; write source/id, such as jobs/17",
    repr(TAGS): 'is no version; write one such as "812", with the quotes',
    repr(SEQ): "is not the `next` of the page before",
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "status": tuple(Status),
    "sort": get_args(Sort),
    "action": tuple(Action),
}
_PATTERN: Final = re.compile(r"Expected `str` matching regex ('.*')")
_LENGTH: Final = re.compile(r"Expected `(str|array)` of length (<=|>=) (\d+)")
_CHOICE: Final = re.compile(r"Invalid enum value (.*?)(?= - at `|$)")
_FIELD: Final = re.compile(r"- at `\$(?:\.\w+|\[\S*\])*?\.?(\w+)(?:\[\S*\])?`$")


def in_words(message: str, field: str = "") -> str:
    """The validator's message about a field, which a message about a body names itself."""
    if (found := _FIELD.search(message)) is not None:
        field = found[1]
    message = _PATTERN.sub(lambda found: _WANTED.get(found[1], found[0]), message)
    message = _LENGTH.sub(_length, message)
    if field in _CHOICES:
        message = _CHOICE.sub(lambda found: f"{found[1]} is none of {', '.join(_CHOICES[field])}", message)
    return message


def _length(found: re.Match[str]) -> str:
    if found[2] == ">=" and found[3] == "1":
        return "is empty"
    unit = "characters" if found[1] == "str" else "items"
    return f"has {'more' if found[2] == '<=' else 'fewer'} than {found[3]} {unit}"
