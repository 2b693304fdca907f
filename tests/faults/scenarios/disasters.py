"""Failover, promotion, restore: PostgreSQL itself loses what it had acknowledged, and nobody is left in the dark."""

import asyncio
import signal
import time
from typing import Final, Self

import psycopg

from faults.postgres import Postgres
from faults.proxy import Proxy
from faults.scenario import fault
from faults.world import World
from fixtures.waiting import await_until

_WHERE_IT_IS: Final = """
SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(),
       (SELECT status FROM pg_stat_wal_receiver)
"""


class _Standby:
    """A streaming standby, and the proxy through which it hears of its primary."""

    def __init__(self, world: World) -> None:
        self.server = Postgres(world.fresh_folder())
        self._world = world
        self._proxy = Proxy(world.primary.port)

    async def __aenter__(self) -> Self:
        await self._proxy.start()
        await asyncio.to_thread(self.server.copy, self._world.primary, through_port=self._proxy.port)
        await asyncio.to_thread(self.server.start)
        await self.caught_up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._proxy.stop()
        if self.server is not self._world.primary:
            await asyncio.to_thread(self.server.stop, signal.SIGQUIT)

    async def caught_up(self) -> None:
        """Until the standby has replayed all that the primary has written by now."""
        ((here,),) = self._world.sql("SELECT pg_current_wal_lsn()")

        def replayed() -> bool:
            with self.server.connect() as connection:
                row = connection.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [here]).fetchone()
            return row == (True,)

        try:
            await await_until(lambda: asyncio.to_thread(replayed), 60)
        except TimeoutError:
            with self.server.connect() as connection:
                state = connection.execute(_WHERE_IT_IS).fetchone()
            said = f"{state}, the primary was at {here}; its log ends:\n{self.server.last_words()}"
            raise TimeoutError(f"the standby stands still: {said}") from None

    def deafen(self) -> None:
        """From now on it misses what the primary commits."""
        self._proxy.refusing = True
        self._proxy.cut()

    async def promote(self) -> None:
        await asyncio.to_thread(self.server.promote)


async def _lose_the_primary(world: World, successor: _Standby) -> int:
    """Kill the primary, promote its successor, and send everybody there; return how many commits were lost."""
    old = world.primary
    await asyncio.to_thread(old.stop, signal.SIGKILL)
    await successor.promote()
    await world.gate.close()
    try:
        await world.switch_to(successor.server)
        return await world.take_stock()
    finally:
        world.gate.open()


@fault("an asynchronous standby that missed commits is promoted: a reset, never silence")
async def failover_to_a_standby_that_missed_commits(world: World) -> str:
    async with _Standby(world) as standby:
        standby.deafen()
        await world.flow(60)
        lost = await _lose_the_primary(world, standby)
        took = await world.flow()
    assert lost, "no commit was lost: nothing was tested"
    return f"{lost} acknowledged commits were lost by PostgreSQL; the feed went on after {took:.1f} s"


@fault("a standby that missed nothing is promoted: a new epoch, and nobody is reset")
async def failover_that_lost_nothing(world: World) -> str:
    async with _Standby(world) as standby:
        await world.flow()
        await world.settle()
        await world.gate.close()
        try:
            await standby.caught_up()
            old = world.primary
            await asyncio.to_thread(old.stop, signal.SIGKILL)
            await standby.promote()
            await world.switch_to(standby.server)
            lost = await world.take_stock()
        finally:
            world.gate.open()
        world.disaster = False
        await world.flow()
    assert not lost
    return "the last tick had been replayed"


@fault("two failovers, the second to a standby that never heard of the first: no epoch means two things")
async def two_failovers(world: World) -> str:
    async with _Standby(world) as second, _Standby(world) as first:
        second.deafen()
        await world.flow(30)
        first.deafen()
        await world.flow(30)
        lost = await _lose_the_primary(world, first)
        await world.flow(60)
        lost += await _lose_the_primary(world, second)
        await world.flow()
        await asyncio.to_thread(first.server.stop, signal.SIGQUIT)
    return f"{lost} acknowledged commits were lost by PostgreSQL"


@fault("clients that come between a promotion and the next epoch are reset, not sent away")
async def clients_between_promotion_and_epoch(world: World) -> str:
    """Nobody can lead for a while: a session of ours holds the leader's lock on the new primary."""
    async with _Standby(world) as standby:
        standby.deafen()
        await world.flow(60)
        old = world.primary
        await asyncio.to_thread(old.stop, signal.SIGKILL)
        await standby.promote()
        await world.gate.close()
        try:
            with psycopg.connect(standby.server.url, autocommit=True) as usurper:
                usurper.execute("SELECT pg_advisory_lock(%s, 1)", [0x7461696C])
                await world.switch_to(standby.server)
                lost = await world.take_stock()
                for _ in range(4):
                    await world.rest(0.7)
                    for node in world.nodes:
                        node.to_clients.cut()
        finally:
            world.gate.open()
        await world.flow()
    return f"{lost} acknowledged commits were lost by PostgreSQL"


@fault("dumped and restored into another cluster: a new epoch, old events still readable")
async def dump_and_restore(world: World) -> str:
    began = time.monotonic()
    dump = await asyncio.to_thread(world.primary.dump)
    await world.flow(40)  # after the dump: lost with the old cluster
    await world.gate.close()
    try:
        fresh = Postgres(world.fresh_folder())
        await asyncio.to_thread(fresh.create)
        await asyncio.to_thread(fresh.start)
        await asyncio.to_thread(fresh.restore, dump)
        await asyncio.to_thread(world.primary.stop, signal.SIGKILL)
        await world.switch_to(fresh)
        lost = await world.take_stock()
    finally:
        world.gate.open()
    await world.flow()
    return f"{len(dump) >> 10} KiB in {time.monotonic() - began:.1f} s; {lost} commits were younger than the dump"
