"""Nodes that die, leave, and freeze."""

from faults.scenario import fault
from faults.world import World


@fault("another node seals; nothing lost, nothing repeated")
async def kill_the_sealer(world: World) -> str:
    node = await world.sealer()
    await node.kill()
    took = await world.flow()
    await node.start()
    return f"{node.name} led; the feed went on after {took:.1f} s"


@fault("its clients go on at their places elsewhere")
async def kill_a_web_node(world: World) -> str:
    node = await world.other_than(await world.sealer())
    await node.kill()
    await world.flow()
    await node.start()
    return node.name


@fault("a restart, one after the other, is noticed by nobody but those who have to reconnect")
async def restart_every_node_in_turn(world: World) -> None:
    for node in world.nodes:
        await node.stop()
        await world.flow(5)
        await node.start()


@fault("a leader that neither works nor ends is replaced; when it wakes up it stands by")
async def freeze_the_sealer(world: World) -> str:
    node = await world.sealer()
    node.freeze()
    node.serving = False
    try:
        took = await world.flow()
    finally:
        node.thaw()
        node.serving = True
    return f"the feed went on after {took:.1f} s"


@fault("the primary key of ticks refuses the second of two sealers")
async def two_sealers(world: World) -> str:
    """A rival that seals without asking who leads."""
    wins, defeats = await world.rival_sealer(seconds=1.5)
    return f"the rival sealed {wins} times and was refused {defeats} times"
