"""Logging of a serving process: plain lines on standard error, without tokens."""

import logging
import re
import sys
from collections.abc import Callable
from time import monotonic
from typing import Final

_TOKEN: Final = re.compile(r"([?&;]token=)[^&;\s\"']*", re.IGNORECASE)

# They tell of every connection they make, also of our own to ourselves.
_QUIET: Final = ("httpx", "httpcore", "websockets", "alembic")

_AGAIN_S: Final = 60.0
_REMEMBERED: Final = 500
"""Lines that are compared with; of more different ones within a minute the oldest are forgotten, and said again."""


class SayOnce(logging.Filter):
    """Lets a warning, or an error, that says what was said already pass once a minute only, and then says how often it
    was: while a database is away, several parts find that out several times a second. What passes is one line.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        text = " ".join(record.getMessage().split())
        raised = "" if record.exc_info is None else repr(record.exc_info[1])
        line, now = (record.name, text, raised), self._clock()
        since, n = self._said.get(line, (float("-inf"), 0))
        if now - since < _AGAIN_S:
            self._said[line] = since, n + 1
            return False
        self._said.pop(line, None)
        self._said[line] = now, 0
        if len(self._said) > _REMEMBERED:
            del self._said[next(iter(self._said))]
        record.msg, record.args = (f"{text} ({n} more like it meanwhile)" if n else text), None
        return True


class RedactToken(logging.Filter):
    """Takes the value of `?token=` out of whatever is logged, by anybody."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if "token=" in message.lower():
            record.msg, record.args = _TOKEN.sub(r"\1***", message), None
        return True


def set_up_logging(level: str, *, requests: bool = True) -> None:
    """Log at `level` to standard error, for this process. Without `requests`, a line for each only at debug."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RedactToken())
    if level.upper() != "DEBUG":
        handler.addFilter(SayOnce())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    if not requests and level.upper() != "DEBUG":
        logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    # Its start and stop say what we say ourselves.
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
