"""A subscription: one client's interest, and how far it has been served.

    Hub --Parcel--> Subscription --write--> Outlet (a WebSocket, an SSE response)
                         |
                      Mailbox     only while the outlet takes no more

An idle or healthy client costs no task and no mailbox: parcels go straight to the outlet, which says
whether it takes more. When it does not, a mailbox stands in until the outlet calls `resume`.
"""

from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple, Protocol

import msgspec

from tailboard.core.cursor import Cursor
from tailboard.core.filter import EVERYTHING, Filter
from tailboard.core.frames import Entry, Form, Parcel
from tailboard.core.mailbox import Mailbox


class Ending(NamedTuple):
    """Why the server ends a connection; the code is a WebSocket close code.

    1012 and 4000 to 4499 say: come back later. 1008 and 4500 to 4999 say: not like this.
    """

    code: int
    reason: str


RESTARTING = Ending(1012, "the server is restarting")
TOO_SLOW = Ending(4008, "too slow: nothing was read for too long")


class Disconnected(Exception):
    """The client is gone."""


class Outlet(Protocol):
    """Where parcels leave the process. Nothing here blocks but `drain`."""

    form: Form

    def write(self, parcel: Parcel) -> bool:
        """Send, and say whether more may follow at once. If not, the outlet calls `resume` later."""
        ...

    async def drain(self) -> None:
        """Return when more may be written. Raises Disconnected."""
        ...

    def finish(self, ending: Ending) -> None:
        """Begin to end the connection; safe more than once, the first ending counts."""
        ...


class ConnectionInfo(msgspec.Struct, frozen=True):
    """One listener, as shown to those who look after the server."""

    session: str
    transport: str
    dialect: str
    peer: str
    agent: str
    filter: object
    live: bool
    since: datetime
    cursor: str
    sent: int
    queued_bytes: int
    collapses: int
    resets: int


class Peer(NamedTuple):
    """Who is connected, for people to read."""

    address: str = ""
    agent: str = ""


_SPOKEN = {
    Form.LINES: ("websocket", "tailboard.v1"),
    Form.OBJECTS: ("websocket", "plain"),
    Form.SSE: ("sse", "sse"),
}


class Subscription:
    """`live` once the hub delivers to it. `place` is how far a replay has come until then."""

    __slots__ = (
        "_collapses",
        "_resets",
        "ahead",
        "filter",
        "live",
        "mailbox",
        "mailbox_limit",
        "outlet",
        "peer",
        "place",
        "ready",
        "sent",
        "session",
        "since",
        "stalled_since",
        "welcome",
    )

    def __init__(
        self, session: str, outlet: Outlet, peer: Peer, *, place: Cursor, mailbox_limit: int, since: float
    ) -> None:
        self.session = session
        self.outlet = outlet
        self.peer = peer
        self.place = place
        self.mailbox_limit = mailbox_limit
        self.since = since
        self.filter: Filter = EVERYTHING
        self.welcome = False
        """Whether it may be told anything: who still has to show a token is not."""
        self.live = False
        self.ahead: Cursor | None = None
        self.mailbox: Mailbox | None = None
        self.ready = True
        self.stalled_since: float | None = None
        self.sent = 0
        self._collapses = 0
        self._resets = 0

    @property
    def answers(self) -> bool:
        """Whether the client speaks the dialect in which requests are answered."""
        return self.outlet.form is Form.LINES

    @property
    def heartbeats(self) -> bool:
        return self.welcome and self.outlet.form is not Form.OBJECTS

    def deliver(self, parcel: Parcel) -> None:
        """Send, or keep until the outlet takes more."""
        if self.ahead is not None:
            remaining = self._beyond(self.ahead, parcel)
            if remaining is None:
                return
            parcel = remaining
        if self.ready:
            self._write(parcel)
            return
        if self.mailbox is None:
            self.mailbox = Mailbox(self.mailbox_limit)
        self.mailbox.put(parcel)

    def say(self, *entries: Entry) -> None:
        """Send words of the connection itself, in their place behind what already waits."""
        parcel = Parcel(entries)
        ahead, self.ahead = self.ahead, None
        self.deliver(parcel)
        self.ahead = ahead

    def resume(self) -> None:
        """The outlet takes more: send what waited."""
        self.ready = True
        self.stalled_since = None
        mailbox = self.mailbox
        while mailbox is not None and self.ready:
            parcel = mailbox.take()
            if parcel is None:
                self._collapses += mailbox.collapses
                self._resets += mailbox.resets
                self.mailbox = mailbox = None
            else:
                self._write(parcel)

    async def drain(self) -> None:
        """Return when all that was delivered has left. Raises Disconnected."""
        while not self.ready:
            await self.outlet.drain()

    def restart(self, *entries: Entry) -> None:
        """What waits is void: forget it and say why."""
        if self.mailbox is not None:
            self.mailbox.clear()
        self._resets += 1
        self.ahead = None
        self.say(*entries)

    def info(self, head: Cursor) -> ConnectionInfo:
        transport, dialect = _SPOKEN[self.outlet.form]
        mailbox = self.mailbox
        return ConnectionInfo(
            session=self.session,
            transport=transport,
            dialect=dialect,
            peer=self.peer.address,
            agent=self.peer.agent,
            filter=msgspec.json.decode(self.filter.text),
            live=self.live,
            since=datetime.fromtimestamp(self.since, UTC),
            cursor=str(head if self.live and mailbox is None else self.place),
            sent=self.sent,
            queued_bytes=0 if mailbox is None else mailbox.size,
            collapses=self._collapses + (0 if mailbox is None else mailbox.collapses),
            resets=self._resets + (0 if mailbox is None else mailbox.resets),
        )

    def _write(self, parcel: Parcel) -> None:
        self.sent += len(parcel.entries)
        self.place = parcel.entries[-1].cursor
        self.ready = self.outlet.write(parcel)
        if not self.ready:
            self.stalled_since = monotonic()

    def _beyond(self, ahead: Cursor, parcel: Parcel) -> Parcel | None:
        """The hub is still behind where the replay ended: leave out what the replay has sent."""
        if parcel.entries[-1].cursor <= ahead:
            return None
        self.ahead = None
        if parcel.entries[0].cursor > ahead:
            return parcel
        return Parcel(tuple(entry for entry in parcel.entries if entry.cursor > ahead))
