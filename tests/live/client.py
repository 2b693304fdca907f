"""A client of the hub for its tests: it keeps what it is told, and may get stuck."""

import asyncio
import json
from collections.abc import Callable

from delivery_rig import Feed
from tailboard.core.cursor import Cursor
from tailboard.core.filter import Filter
from tailboard.core.frames import Form, Parcel
from tailboard.live.subscription import Ending, Peer, Subscription


class Client:
    """An outlet that keeps what it is given, and takes nothing while it is `stuck`."""

    def __init__(self, feed: Feed, form: Form = Form.LINES) -> None:
        self.form = form
        self.parcels: list[Parcel] = []
        self.stuck = False
        self.ended = asyncio.get_running_loop().create_future()
        self.free = asyncio.Event()
        self._arrived = asyncio.Event()
        self.subscription: Subscription = feed.hub.open(self, Peer())

    def write(self, parcel: Parcel) -> bool:
        self.parcels.append(parcel)
        self._arrived.set()
        return not self.stuck

    async def drain(self) -> None:
        await self.free.wait()

    def finish(self, ending: Ending) -> None:
        if not self.ended.done():
            self.ended.set_result(ending)

    def release(self) -> None:
        self.stuck = False
        self.free.set()
        self.subscription.resume()

    @property
    def messages(self) -> list[dict[str, object]]:
        return [json.loads(entry.data) for parcel in self.parcels for entry in parcel.entries]

    @property
    def events(self) -> list[str]:
        return [str(found["cursor"]) for found in self.messages if str(found["type"]).startswith("job_")]

    def types(self) -> list[str]:
        return [str(found["type"]) for found in self.messages]

    async def until(self, cursor: str) -> None:
        """Wait for an entry with this cursor."""
        await self.told(lambda: any(found.get("cursor") == cursor for found in self.messages))

    async def told(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking whenever something arrives."""
        async with asyncio.timeout(5):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()


async def following(feed: Feed, tree: object = None, cursor: str | None = None) -> Client:
    client = Client(feed)
    filter_ = Filter.from_tree(tree or {})
    await feed.hub.follow(client.subscription, filter_, None if cursor is None else Cursor.parse(cursor))
    return client
