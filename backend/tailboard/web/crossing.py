"""What browsers are told about pages of other origins (CORS): those that are listed may read and write, no others.

The token goes with a header or the address, never by itself, so that no credentials are allowed.
"""

from typing import Any, Final

from tailboard.web.access import Access

_READABLE: Final = (b"access-control-expose-headers", b"ETag, Location, Retry-After")
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, if-match, if-none-match, last-event-id, x-api-key",
    ),
    (b"access-control-max-age", b"600"),
)


def crossing_headers(access: Access, scope: Any) -> list[tuple[bytes, bytes]]:
    """The headers of an answer to whoever asks; a browser looks for itself whether they name what it wants."""
    if not access.origins:
        return []
    vary = (b"vary", b"Origin")
    origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
    if origin is None or not access.lists(origin.decode("latin-1")):
        return [vary]
    told = [vary, (b"access-control-allow-origin", origin), _READABLE]
    return [*told, *_PREFLIGHT] if scope["method"] == "OPTIONS" else told
