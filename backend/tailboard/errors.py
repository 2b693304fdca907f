"""Every error Tailboard raises on purpose, each named for the fact it states.

    TailboardError
    ├── InvalidInput                a caller sent something that cannot be used
    │   ├── InvalidCursor           not of the form epoch.position
    │   │   └── CursorAhead         well formed, but a place that this log has not reached
    │   ├── InvalidMoment           neither a cursor nor a time
    │   │   └── MomentAhead         a time that has not come yet
    │   ├── InvalidFilter           a filter that does not parse, or is too large
    │   ├── InvalidFrame            a WebSocket message that is not one of the protocol's
    │   ├── InvalidJob              a job that the built-in table refuses
    │   ├── InvalidSource           a definition of a source that cannot work
    │   └── MalformedJson           a body that is not JSON
    ├── CursorExpired               the log no longer holds, or never held, what follows the cursor
    ├── JobNotFound
    ├── SourceNotFound
    ├── AttachRefused               a good definition that the database's state does not allow to be attached
    ├── SourceMoved                 an adopted table changed under whoever counted it; to be counted again
    ├── SourceFailing               an adopted table that cannot be read; its `code` says in which way
    ├── ActionRefused               the job's status, or its source, does not allow the action
    │   ├── ActionUnsupported       the source has no such action
    │   └── VersionMismatch         the job has changed since the caller looked at it
    ├── AccessDenied
    │   ├── Unauthorized            no token, or a wrong one
    │   ├── ForeignHost             a Host header that is not ours
    │   ├── ForeignOrigin           a page of somebody else's
    │   └── ReadOnly                a write to a board that only shows
    ├── Overloaded                  a limit was reached; try again later
    ├── InvalidSetting              a TAILBOARD_* variable or flag that is unknown or unusable
    ├── AddressInUse                the address to serve on is taken
    ├── DatabaseUnavailable         PostgreSQL cannot be reached or is going away; retried
    │   └── NotReady                the feed is not live yet, or not any more
    ├── DatabaseError               PostgreSQL refused a statement for a reason of its own
    │   ├── NotEncodable            text with a character that the database's encoding has not
    │   ├── SchemaMissing           Tailboard's schema is not there or not at this version
    │   └── LeadershipLost          another sealer wrote the tick first
    ├── EmbeddedServerError         the embedded PostgreSQL could not be prepared or started
    ├── ServerUnreachable           the client: nothing answers at the address
    └── ServerRefused               the client: the server answered, and coming back would not help

`code` is the stable, machine-readable name that clients see; it never changes once released.
Status codes are not here: `web/errors.py` maps these to HTTP and WebSocket.
"""

from typing import ClassVar


class TailboardError(Exception):
    """Root of the tree. `str(error)` is one plain sentence that says what to do."""

    code: str = "internal_error"
    retryable: ClassVar[bool] = False


class InvalidInput(TailboardError):
    code = "invalid_input"


class InvalidCursor(InvalidInput):
    code = "invalid_cursor"


class CursorAhead(InvalidCursor):
    code = "cursor_ahead"


class InvalidMoment(InvalidInput):
    code = "invalid_moment"


class MomentAhead(InvalidMoment):
    code = "moment_ahead"


class InvalidFilter(InvalidInput):
    code = "invalid_filter"


class InvalidFrame(InvalidInput):
    code = "invalid_frame"


class InvalidJob(InvalidInput):
    code = "invalid_job"


class InvalidSource(InvalidInput):
    """A definition that does not parse, or does not fit its table."""

    code = "invalid_source"


class MalformedJson(InvalidInput):
    code = "malformed_json"


class CursorExpired(TailboardError):
    """The stream cannot continue from a cursor; `reason` is the `reset` frame's reason."""

    code = "cursor_expired"

    def __init__(self, message: str, *, reason: str = "cursor_expired") -> None:
        super().__init__(message)
        self.reason = reason


class JobNotFound(TailboardError):
    code = "job_not_found"


class SourceNotFound(TailboardError):
    code = "source_not_found"


class AttachRefused(TailboardError):
    """Attaching or detaching cannot be done now: rights, locks, what is attached already."""

    code = "attach_refused"


class SourceMoved(TailboardError):
    """An adopted table, or the log, was replaced while the table was counted: count it again."""

    code = "source_moved"
    retryable = True


class SourceFailing(TailboardError):
    """An adopted source cannot be read, as if it were away; the others can."""

    code = "source_broken"
    retryable = True

    def __init__(self, source: str, code: str, message: str) -> None:
        super().__init__(message)
        self.source = source
        self.code = code  # source_broken, source_slow, source_locked or source_denied


class ActionRefused(TailboardError):
    code = "action_refused"


class ActionUnsupported(ActionRefused):
    """The source has no such action, whatever the job."""

    code = "action_unsupported"


class VersionMismatch(ActionRefused):
    """The job has changed since the caller looked at it."""

    code = "version_mismatch"


class AccessDenied(TailboardError):
    code = "access_denied"


class Unauthorized(AccessDenied):
    code = "unauthorized"


class ForeignHost(AccessDenied):
    code = "foreign_host"


class ForeignOrigin(AccessDenied):
    code = "foreign_origin"


class ReadOnly(AccessDenied):
    code = "read_only"


class Overloaded(TailboardError):
    code = "overloaded"
    retryable = True


class InvalidSetting(TailboardError):
    code = "invalid_setting"


class AddressInUse(TailboardError):
    """Somebody listens on the address already, or it is not ours to listen on."""

    code = "address_in_use"


class DatabaseUnavailable(TailboardError):
    code = "database_unavailable"
    retryable = True


class NotReady(DatabaseUnavailable):
    code = "not_ready"


class DatabaseError(TailboardError):
    code = "database_error"


class NotEncodable(DatabaseError):
    code = "invalid_input"


class SchemaMissing(DatabaseError):
    code = "schema_missing"


class LeadershipLost(DatabaseError):
    code = "leadership_lost"
    retryable = True


class EmbeddedServerError(TailboardError):
    code = "embedded_server_error"


class ServerUnreachable(TailboardError):
    """Nothing answered at the address, not even once."""

    code = "server_unreachable"
    retryable = True


class ServerRefused(TailboardError):
    """The server answered, and coming back would not help."""

    code = "server_refused"
