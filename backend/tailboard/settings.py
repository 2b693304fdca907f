"""Settings: `TAILBOARD_*` variables and command-line flags, read once, checked, and frozen.

The only reader of the environment. Each setting is declared once, in `DECLARED`; the variable
(`TAILBOARD_DATABASE_URL`), the flag (`--database-url`) and the field (`database_url`) follow from its name,
so they cannot drift apart. A flag wins over a variable; an empty variable counts as not set.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from tailboard.errors import InvalidSetting

PREFIX: Final = "TAILBOARD_"

# The test suite and its browser read these themselves; they are no settings of the program.
_FOREIGN: Final = ("TAILBOARD_TEST_", "TAILBOARD_CHROMIUM")

_AGE: Final = re.compile(r"([1-9][0-9]{0,5})\s*([smhdw])", re.ASCII)
_AGE_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TRUE: Final = frozenset({"1", "on", "true", "yes"})
_FALSE: Final = frozenset({"0", "off", "false", "no"})
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")


def _home(environment: Mapping[str, str]) -> Path:
    """`$XDG_DATA_HOME/tailboard`, by default `~/.local/share/tailboard`."""
    base = environment.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    if base.startswith("/"):
        return Path(base) / "tailboard"
    try:
        return Path.home() / ".local" / "share" / "tailboard"
    except RuntimeError as error:
        message = (
            "No home directory is known; set TAILBOARD_HOME to a folder where Tailboard may keep its data."
        )
        raise InvalidSetting(message) from error


# Parsers take the text and raise ValueError with what would have been right.


def _database_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("give a URL such as postgresql://user:password@host:5432/database")
    # Several hosts are tried in turn: postgresql://user@one:5432,two:5432/database
    hosts = parts.netloc.rpartition("@")[2].split(",")
    try:
        _ = [urlsplit(f"//{host}").port for host in hosts]
    except ValueError as error:
        raise ValueError("its port must be a number from 0 to 65535") from error
    return text


def _server_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("give a URL such as http://127.0.0.1:8000")
    return text.rstrip("/")


def _folder(text: str) -> Path:
    try:
        folder = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("its ~ names no known user; give an absolute path") from error
    return folder.absolute()


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:%-]{1,255}", text, re.ASCII):
        raise ValueError("give an address or a host name, such as 127.0.0.1")
    return text


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or int(text) > 65535:
        raise ValueError("give a number from 0 to 65535 (0 takes any free port)")
    return int(text)


def _token(text: str) -> str:
    # It has to travel in a header and in a URL, so it is held to what both carry unharmed.
    if not re.fullmatch(r"[!-~]{1,512}", text, re.ASCII):
        raise ValueError("use 1 to 512 visible ASCII characters without spaces")
    return text


def _switch(text: str) -> bool:
    value = text.strip().lower()
    if value not in _TRUE | _FALSE:
        raise ValueError("say on or off")
    return value in _TRUE


def _log_level(text: str) -> str:
    if text.lower() not in _LOG_LEVELS:
        raise ValueError(f"say one of {', '.join(_LOG_LEVELS)}")
    return text.lower()


def _age(text: str) -> timedelta | None:
    value = text.strip().lower()
    if value == "forever":
        return None
    match = _AGE.fullmatch(value)
    if match is None:
        raise ValueError("give an age such as 36h, 7d or 4w, or say forever")
    return timedelta(**{_AGE_UNITS[match[2]]: int(match[1])})


def _origins(text: str) -> tuple[str, ...]:
    origins = []
    for item in (part.strip() for part in text.split(",")):
        parts = urlsplit(item)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
            raise ValueError("give origins such as https://board.example.com, separated by commas")
        host = parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])  # as browsers write it
        origins.append(f"{parts.scheme}://{host}".lower())
    return tuple(origins)


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,6}", text, re.ASCII):
        raise ValueError("give a number from 1 to 9999999")
    return int(text)


@dataclass(frozen=True, slots=True)
class Declared:
    """One setting: its field name, what its text may be, and what it is for."""

    name: str
    parse: Callable[[str], object]
    metavar: str
    help: str
    secret: bool = False
    """The value is, or may hold, a password: it is never printed."""

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        return self.parse is _switch


DECLARED: Final = (
    Declared(
        "database_url",
        _database_url,
        "URL",
        "PostgreSQL to use, postgresql://… Without it the one that `up` brings.",
        secret=True,
    ),
    Declared(
        "listen_url",
        _database_url,
        "URL",
        "A direct connection to the same database, where a pooler stands between.",
        secret=True,
    ),
    Declared("home", _folder, "DIR", "Where the embedded PostgreSQL keeps its data."),
    Declared("host", _host, "ADDRESS", "The address to listen on. Default 127.0.0.1."),
    Declared("port", _port, "PORT", "The port to listen on; 0 takes any free one. Default 8000."),
    Declared("url", _server_url, "URL", "Where `tail` finds the server. Default: the host and port above."),
    Declared(
        "token",
        _token,
        "TOKEN",
        "The token that every caller must present. A flag is seen in the process list; prefer the variable.",
        secret=True,
    ),
    Declared("insecure", _switch, "on|off", "Allow an address other than loopback without a token."),
    Declared("read_only", _switch, "on|off", "Refuse every action and write over HTTP."),
    Declared("compression", _switch, "on|off", "Offer permessage-deflate on WebSockets. Default off."),
    Declared(
        "origins", _origins, "LIST", "Further origins that may connect, read and write, separated by commas."
    ),
    Declared("max_connections", _count, "N", "How many WebSocket and SSE clients at once. Default 10000."),
    Declared(
        "retention", _age, "AGE", "How long the log is kept at least: 36h, 7d, 4w or forever. Default 7d."
    ),
    Declared("log_level", _log_level, "LEVEL", "debug, info, warning, error or critical. Default info."),
)
"""Every setting there is."""

_BY_NAME: Final = {declared.name: declared for declared in DECLARED}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """The settings of one process. `repr` shows no secret."""

    home: Path
    database_url: str | None = None
    listen_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    url: str | None = None
    token: str | None = None
    insecure: bool = False
    read_only: bool = False
    compression: bool = False
    origins: tuple[str, ...] = ()
    max_connections: int = 10_000
    retention: timedelta | None = timedelta(days=7)
    log_level: str = "info"

    @classmethod
    def load(
        cls, flags: Mapping[str, str | None] | None = None, environment: Mapping[str, str] | None = None
    ) -> Self:
        """Read the environment (the process's own unless one is given), then the flags, by field name.

        Raises InvalidSetting for the first variable that is unknown and the first value that cannot be used.
        """
        environment = os.environ if environment is None else environment
        given: dict[str, tuple[str, str]] = {}  # field -> (what the user calls it, its text)
        for variable in sorted(environment):
            if not variable.startswith(PREFIX) or variable.startswith(_FOREIGN):
                continue
            name = variable.removeprefix(PREFIX).lower()
            if name not in _BY_NAME or variable != variable.upper():
                raise InvalidSetting(_unknown(variable))
            if environment[variable]:
                given[name] = (variable, environment[variable])
        for name, text in (flags or {}).items():
            if text is not None:
                given[name] = (_BY_NAME[name].flag, text)
        if flags and flags.get("database_url") and not flags.get("listen_url"):
            given.pop("listen_url", None)  # the variable's leads to the database of the variable
        values: dict[str, object] = {}
        for name, (called, text) in given.items():
            values[name] = _parsed(_BY_NAME[name], called, text)
        values.setdefault("home", _home(environment))
        return cls(**values)  # type: ignore[arg-type]  # each parser returns its field's type; a test checks

    def require_safe_address(self) -> None:
        """Refuse to serve anybody but this machine without a token, unless told --insecure."""
        if self.token is None and not self.insecure and not _is_loopback(self.host):
            raise InvalidSetting(
                f"Listening on {self.host} would open the board to everybody who can reach this machine: "
                "set TAILBOARD_TOKEN, or say --insecure if something else guards it."
            )

    @property
    def server_url(self) -> str:
        """Where a client on this machine finds the server."""
        if self.url is not None:
            return self.url
        try:
            anywhere = ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            anywhere = False
        return http_url("127.0.0.1" if anywhere else self.host, self.port)

    def __repr__(self) -> str:
        shown = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and _BY_NAME[field.name].secret:
                value = redacted(value)
            shown.append(f"{field.name}={value!r}")
        return f"Settings({', '.join(shown)})"


def http_url(host: str, port: int) -> str:
    """`http://127.0.0.1:8000`, with brackets around an IPv6 address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def redacted(secret: str) -> str:
    """What may be shown of a secret: of a URL all but its password and query, of anything else nothing."""
    parts = urlsplit(secret)
    if not parts.scheme or "//" not in secret:
        return "***"
    login, at, place = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    # A libpq URL may carry the host or a password in its query: the host is worth seeing, so it stays.
    kept = [pair for pair in parts.query.split("&") if pair.startswith(("host=", "port=", "dbname="))]
    query = "?" + "&".join(kept) if kept else ""
    return f"{parts.scheme}://{user}{colon and ':***'}{at}{place}{parts.path}{query}"


def _parsed(declared: Declared, called: str, text: str) -> object:
    try:
        return declared.parse(text)
    except ValueError as error:
        shown = "" if declared.secret else f" is {text!r}, which"
        raise InvalidSetting(f"{called}{shown} cannot be used: {error}.") from error


def _unknown(variable: str) -> str:
    known = [declared.variable.removeprefix(PREFIX) for declared in DECLARED]
    near = difflib.get_close_matches(variable.upper().removeprefix(PREFIX), known, n=1, cutoff=0.5)
    if near:
        return f"{variable} is not a setting; did you mean {PREFIX}{near[0]}?"
    return f"{variable} is not a setting; unset it. `tailboard up --help` lists the settings."


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"
