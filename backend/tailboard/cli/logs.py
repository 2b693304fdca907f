"""Logging of a serving process: plain lines on standard error, without tokens."""

import logging
import re
import sys
from typing import Final

_TOKEN: Final = re.compile(r"([?&;]token=)[^&;\s\"']*", re.IGNORECASE)

# They tell of every connection they make, also of our own to ourselves.
_QUIET: Final = ("httpx", "httpcore", "websockets", "alembic")


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
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    if not requests and level.upper() != "DEBUG":
        logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    # Its start and stop say what we say ourselves.
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
