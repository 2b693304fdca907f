"""Who may speak to the board: the token, the origin of a browser's page, the host name it asked for.

Nothing here knows Litestar: an ASGI scope goes in, a decision comes out, so that WebSocket, SSE and REST
cannot differ.
"""

import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tailboard.errors import ForeignHost, ForeignOrigin, ReadOnly, Unauthorized

Scope = Any
"""An ASGI connection scope: a mapping with `headers` (pairs of bytes) and `query_string`."""

_MAX_QUERY = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rules of one server.

    `host` is the address it listens on; `origins` are further origins that may connect, read and write, for a
    page that another server delivers or a proxy under another name. `read_only` refuses every write.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    origins: tuple[str, ...] = ()
    read_only: bool = False

    @property
    def requires_token(self) -> bool:
        return self.token is not None

    def allows(self, token: str | None) -> bool:
        """Whether `token` opens the board. Takes the same time however much of it is right."""
        if self.token is None:
            return True
        if token is None:
            return False
        return hmac.compare_digest(token.encode(errors="replace"), self.token.encode())

    def token_from(self, scope: Scope) -> str | None:
        """The token a request carries: `Authorization: Bearer`, `X-API-Key` or `?token=`, in this order."""
        authorization = _header(scope, b"authorization")
        if authorization is not None:
            scheme, _, credentials = authorization.partition(" ")
            if scheme.lower() == "bearer":
                return credentials.strip()
        key = _header(scope, b"x-api-key")
        if key is not None:
            return key.strip()
        query: bytes = scope.get("query_string", b"")
        if b"token=" not in query or len(query) > _MAX_QUERY:
            return None
        found = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("token")
        return found[0] if found else None

    def lists(self, origin: str) -> bool:
        """Whether an origin is one of those that are listed."""
        return origin.lower() in self.origins

    def origin_allowed(self, scope: Scope) -> bool:
        """Whether the page that makes a browser send this may do so: one of our own, or a listed one.

        No Origin header means no browser, and a program can send what it likes anyway. The scheme is not
        compared with ours: behind a proxy that ends TLS we do not know it.
        """
        origin = _header(scope, b"origin")
        if origin is None:
            return True
        if self.lists(origin):
            return True
        try:
            parts = urlsplit(origin.lower())
        except ValueError:
            return False
        host = _host(scope)
        return parts.scheme in {"http", "https"} and host is not None and parts.netloc == host

    def host_allowed(self, scope: Scope) -> bool:
        """Whether the name in the Host header can be ours.

        A page of a stranger can point its own name at 127.0.0.1 and then read a local board as if it were
        its own (DNS rebinding). Listening on loopback, only loopback names and listed origins are served;
        elsewhere the token guards.
        """
        if not _is_loopback(self.host):
            return True
        host = _host(scope)
        return host is None or _is_loopback(_without_port(host)) or host in _hosts(self.origins)

    def check_token(self, scope: Scope) -> None:
        """Raise Unauthorized unless the request carries the token."""
        if not self.allows(self.token_from(scope)):
            raise Unauthorized(
                "This board needs its token: send Authorization: Bearer, X-API-Key or ?token=."
            )

    def check_host(self, scope: Scope) -> None:
        """Raise ForeignHost unless the Host header names this server."""
        if not self.host_allowed(scope):
            raise ForeignHost(
                f"The host name {_host(scope)!r} is not one of the board's: open it as localhost or 127.0.0.1, or list"
                " its address, such as https://board.example.com, in TAILBOARD_ORIGINS. A proxy has to pass the Host"
                " that it was asked for."
            )

    def check_origin(self, scope: Scope) -> None:
        """Raise ForeignOrigin where a page of another origin makes the browser ask."""
        if not self.origin_allowed(scope):
            raise ForeignOrigin(
                "A page of another origin may not follow or change this board; list it in TAILBOARD_ORIGINS."
            )

    def check_write(self, scope: Scope) -> None:
        """Raise ForeignOrigin or ReadOnly where a write is not allowed whatever it holds."""
        self.check_origin(scope)
        if self.read_only:
            raise ReadOnly("This board is read-only: TAILBOARD_READ_ONLY is on.")


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope.get("headers", ()):
        if key.lower() == name:
            return bytes(value).decode("latin-1")
    return None


def _host(scope: Scope) -> str | None:
    """As browsers write it in an origin: some proxies add the port that goes without saying."""
    host = _header(scope, b"host")
    return None if host is None else host.lower().removesuffix(":443").removesuffix(":80")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _hosts(origins: Iterable[str]) -> set[str]:
    return {urlsplit(origin).netloc for origin in origins}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost")
