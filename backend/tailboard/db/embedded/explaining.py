"""What keeps the embedded server from running, in one sentence."""

import errno
import os
from pathlib import Path

from tailboard.errors import EmbeddedServerError


def explained(error: OSError, top: Path) -> EmbeddedServerError:
    """What the system refused, and what to do."""
    where = error.filename or top
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            advice = f"There is no space left for PostgreSQL in {top}: free some, or set TAILBOARD_HOME"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            advice = (
                f"{where} cannot be used by user id {os.geteuid()} ({error.strerror}): start Tailboard as "
                "the user it belongs to, or set TAILBOARD_HOME to a folder that you may write"
            )
        case errno.ENOTDIR | errno.EEXIST:
            advice = f"{where} is not a folder: set TAILBOARD_HOME to one"
        case _:
            advice = f"The embedded PostgreSQL cannot be run in {top}: {error}"
    return EmbeddedServerError(advice + ".")


def failed(what: str, said: str, top: Path) -> EmbeddedServerError:
    """What PostgreSQL said, of which the log is below `top`. Raises OSError where there is no space left."""
    if "No space left on device" in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(top))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if any(sign in line for sign in ("FATAL:", "PANIC:", "error:"))]
    reason = (telling or lines or ["it said nothing"])[-1]
    return EmbeddedServerError(
        f"The embedded PostgreSQL {what}: {reason}. Its log is {top / 'postgres.log'}."
    )
