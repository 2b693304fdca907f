"""Connections that are ended, cut, slow, or silent."""

from faults.scenario import fault
from faults.world import World

_END = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE %s"""


@fault("the listener reconnects with backoff, catches up, and says that it was away")
async def end_the_listeners(world: World) -> str:
    ((ended,),) = world.sql(_END, "tailboard tailer")
    await world.flow()
    return f"{ended} backends terminated"


@fault("whoever leads afterwards goes on where the tick before ended")
async def end_the_sealers_backend(world: World) -> str:
    ((ended,),) = world.sql(_END, "tailboard sealer")
    took = await world.flow()
    return f"{ended} backends terminated; the feed went on after {took:.1f} s"


@fault("every pooled and every direct connection is made anew")
async def end_every_backend(world: World) -> str:
    ((ended,),) = world.sql(_END, "tailboard%")
    await world.flow()
    return f"{ended} backends terminated"


@fault("a socket that is reset between a node and PostgreSQL is made anew")
async def cut_a_node_from_its_database(world: World) -> str:
    node = world.rng.choice(world.nodes)
    cut = node.to_database.cut()
    await world.flow()
    return f"{node.name}, {cut} connections"


@fault("a node that cannot reach PostgreSQL for a while says so, and comes back")
async def part_a_node_from_its_database(world: World) -> str:
    node = world.rng.choice(world.nodes)
    node.to_database.refusing = True
    node.to_database.cut()
    try:
        await world.flow()
        await world.rest(2.0)
    finally:
        node.to_database.refusing = False
    return node.name


@fault("a slow network delays, and nothing else")
async def slow_network(world: World) -> None:
    for node in world.nodes:
        node.to_database.delay_s = world.rng.choice((0.0, 0.02, 0.1))
        node.to_clients.delay_s = world.rng.choice((0.0, 0.02, 0.1))
    try:
        await world.flow()
        await world.rest(2.0)
    finally:
        for node in world.nodes:
            node.to_database.delay_s = node.to_clients.delay_s = 0.0


@fault("connections that fell silent are noticed, by the leader's node too, and replaced")
async def half_open_to_the_database(world: World) -> str:
    node = await world.sealer()
    silent = node.to_database.half_open()
    took = await world.flow()
    return f"{silent} connections of {node.name}, which led; the feed went on after {took:.1f} s"


@fault("clients that vanished without a word cost nobody else anything")
async def half_open_clients(world: World) -> str:
    node = world.rng.choice(world.nodes)
    silent = node.to_clients.half_open()
    await world.flow()
    return f"{silent} clients of {node.name}"


@fault("clients go on at their places")
async def cut_every_client(world: World) -> str:
    cut = sum(node.to_clients.cut() for node in world.nodes)
    await world.flow()
    return f"{cut} clients"


@fault("a commit whose answer was lost is told once if it happened, and never if not")
async def cut_the_writers(world: World) -> str:
    before = world.ledger.unknown
    for _ in range(5):
        await world.rest(0.2 * world.rng.random())
        world.to_writers.cut()
    await world.flow()
    return f"{world.ledger.unknown - before} commits of unknown outcome"
