"""The built page: its files from memory, with the headers that let a browser trust and keep them."""

import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path
from typing import Final

from litestar import Response

from tailboard.web.etags import names

_HOST: Final = re.compile(rb"[A-Za-z0-9.:\[\]_-]{1,255}")

# Inline script or style would be a way in for whatever a job's payload holds.
_POLICY: Final = (
    b"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'%b; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_OTHER_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

_DEEPEST: Final = 20
"""No place is deeper. A path may be, and is not to be answered with many times its length."""

_ABSENT: Final = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Tailboard</title>
<h1>The page is not built</h1>
<p>The server runs, and so do its interfaces under /api.
<code>make setup</code> builds the page; then start again.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    headers: Mapping[str, str]


class Page:
    """The files of a build. Paths that are none of them, and no interface's, are places within the page."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, _File] = {}
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    name = "/" + path.relative_to(folder).as_posix()
                    self._files[name] = _read(path, name)
        self._index = self._files.get("/index.html") or _File(
            _ABSENT, "text/html; charset=utf-8", {"Cache-Control": "no-cache"}
        )

    def find(self, path: str, sent: bytes, if_none_match: str | None) -> Response[bytes] | None:
        """The file at a path, or the page for a path that only a browser's history knows; else None. `sent` is the path
        as it was sent, in which an id's slash is no step down.
        """
        found = self._files.get(path)
        if found is None:
            if path.startswith(("/api/", "/assets/")) or path in {"/api", "/assets"}:
                return None
            if "." in path.rpartition("/")[2] and not path.startswith("/jobs/"):
                # A missing file is missing; the page in its place would only confuse. A job's id may hold a dot.
                return None
            found = self._index
        if found is self._index:
            found = _seen_from(found, sent)
        if "ETag" in found.headers and names(if_none_match, found.headers["ETag"]):
            return Response(b"", status_code=304, headers=dict(found.headers))
        return Response(found.content, media_type=found.media_type, headers=dict(found.headers))


def _seen_from(index: _File, sent: bytes) -> _File:
    """The page for a path, which finds its files by how far up the root is: a proxy may have taken a folder off."""
    up = b"../" * min(sent.count(b"/") - 1, _DEEPEST)
    return _file(index.content.replace(b'"./', b'"' + (up or b"./")), index.media_type, "no-cache")


def _read(path: Path, name: str) -> _File:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if media_type in {"application/javascript", "application/json"}:
        media_type += "; charset=utf-8"  # Litestar adds it to text itself
    # The names of assets hold a digest of their content, so what they name never changes.
    cached = "public, max-age=31536000, immutable" if name.startswith("/assets/") else "no-cache"
    return _file(path.read_bytes(), media_type, cached)


def _file(content: bytes, media_type: str, cached: str) -> _File:
    headers = {"Cache-Control": cached, "ETag": f'"{blake2s(content, digest_size=12).hexdigest()}"'}
    return _File(content, media_type, headers)


def security_headers(request_headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of every answer. Older browsers do not count a WebSocket of the same host as 'self'."""
    host = next((value for name, value in request_headers if name == b"host"), b"")
    sockets = b" ws://%b wss://%b" % (host, host) if _HOST.fullmatch(host) else b""
    return [(b"content-security-policy", _POLICY % sockets), *_OTHER_HEADERS]
