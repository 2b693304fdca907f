"""`make faults`: a random walk over every fault, for as many minutes as asked. See tests/README.md.

Each round builds a world of its own and goes through all faults in a random order; after every one the oracle
compares what each reader was told with what was committed. The first broken promise ends the walk with exit code 1,
and so does a fault that does not end, or fails in another way; a walk that hangs ends with 3. All of them report.
"""

import argparse
import asyncio
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import Final

from faults.hard_end import HardEnd
from faults.oracle import Violation
from faults.scenario import SCENARIOS, Scenario, Skipped
from faults.scenarios import disasters, network, processes, resources, server
from faults.world import World, world

_ACT_WITHIN_S: Final = 240.0
_END_WITHIN_S: Final = 600.0
"""Where one fault and its settling, or a new world, take longer, the walk ends by force, and says where it hangs."""

_WHY: Final = {
    "epoch_changed": "because PostgreSQL had lost commits, in a failover or a restore",
    "cursor_expired": "because PostgreSQL had lost commits, in a failover or a restore",
    "lagged": "because a reader was slow, or could not take a flood of rows from one statement",
    "source_reset": "because the adopted table was counted: at first, after a restore, or for its capture's faults",
}
"""What the oracle has made sure of."""

MODULES = (processes, network, server, disasters, resources)


class Walk:
    """One run: what was done, and what was counted."""

    def __init__(
        self,
        seed: int,
        minutes: float,
        only: list[str],
        *,
        act_within_s: float = _ACT_WITHIN_S,
        end_within_s: float = _END_WITHIN_S,
    ) -> None:
        self.seed = seed
        self.at = "building the world"
        """What is being done."""
        self.found = ""
        self.end = HardEnd(end_within_s, self._hung)
        self._act_within_s = act_within_s
        self._world: World | None = None
        self.deadline = time.monotonic() + minutes * 60
        self.only = only
        self.began = time.monotonic()
        self.faults: Counter[str] = Counter()
        self.skipped: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.resets: Counter[str] = Counter()

    async def run(self) -> None:
        round_ = 0
        while round_ == 0 or (time.monotonic() < self.deadline and not self.only):
            # A round's seed replays it alone: make faults SEED=…
            seed = self.seed + round_
            print(f"round {round_ + 1}, seed {seed}", flush=True)
            self.at = "building the world"
            self.end.step()
            async with world(seed) as made:
                self._world = made
                try:
                    await self._round(made, self._order(random.Random(seed)))
                except Exception as error:
                    self.found = f"; before that: {error!r}"
                    raise
                finally:
                    self._add_the_world()
                    self.at = f"closing the world after {self.at}"
            round_ += 1

    def _order(self, rng: random.Random) -> list[Scenario]:
        names = self.only or sorted(SCENARIOS)
        if not self.only:
            rng.shuffle(names)
        return [SCENARIOS[name] for name in names]

    async def _round(self, made: World, scenarios: list[Scenario]) -> None:
        await made.flow()
        for scenario in scenarios:
            if time.monotonic() > self.deadline and not self.only:
                return
            began = time.monotonic()
            self.at = scenario.name
            self.end.step()
            try:
                said = await self._act(scenario, made)
            except Skipped as reason:
                self.skipped[scenario.name] = str(reason)
                self._say(scenario.name, f"skipped: {reason}")
                continue
            except Exception as error:
                error.add_note(f"during {scenario.name}")
                raise
            acted = time.monotonic()
            self.at = f"settling after {scenario.name}"
            try:
                await made.settle()
            except Violation as violation:
                violation.add_note(f"after {scenario.name}: {scenario.promise}")
                raise
            self.faults[scenario.name] += 1
            settled = time.monotonic() - acted
            self._say(scenario.name, f"{acted - began:.1f} s + {settled:.1f} s. {said or ''}")

    async def _act(self, scenario: Scenario, made: World) -> str | None:
        within = asyncio.timeout(self._act_within_s)
        try:
            async with within:
                return await scenario.act(made)
        except TimeoutError:
            if not within.expired():
                raise
            raise Violation(f"{scenario.name} did not end within {self._act_within_s:g} s") from None

    def _add_the_world(self) -> None:
        """Count what this round's world has seen, once."""
        made, self._world = self._world, None
        if made is None:
            return
        self.counts.update(made.counts)
        self.resets.update(made.resets)
        ledger = made.ledger
        self.counts["transactions committed"] += ledger.acknowledged
        self.counts["outcomes unknown at first"] += ledger.unknown
        self.counts["transactions rolled back or refused"] += ledger.aborted
        self.counts["reader connections"] += sum(reader.connections for reader in made.readers)
        self.counts["events committed"] += len(made.history.entries)

    def _say(self, name: str, text: str) -> None:
        print(f"[{time.monotonic() - self.began:6.1f} s] {name}: {text}", flush=True)

    def _hung(self) -> None:
        """Report from outside of the event loop that it does not come to an end."""
        self._add_the_world()
        self.report(f"HUNG: {self.at}{self.found}; the stacks follow")

    def report(self, broken: str | None) -> None:
        print()
        print(f"seed {self.seed}, {(time.monotonic() - self.began) / 60:.1f} minutes")
        print(f"faults injected: {self.faults.total()} of {len(self.faults)} kinds")
        for name, n in sorted(self.counts.items()):
            print(f"{name}: {n}")
        print("resets: none" if not self.resets else "resets:")
        for reason, n in self.resets.items():
            print(f"    {reason}: {n}, {_WHY[reason]}")
        for name, reason in self.skipped.items():
            print(f"skipped {name}: {reason}")
        print(broken or "lost: 0, repeated: 0, out of order: 0, silent gaps: 0")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="replays a run")
    parser.add_argument("--only", default="", help="names of scenarios, separated by commas; each once")
    parser.add_argument("--list", action="store_true", help="name every scenario and its promise")
    parser.add_argument(
        "--act-within", type=float, default=_ACT_WITHIN_S, metavar="S", help="a fault's longest time"
    )
    parser.add_argument(
        "--end-within",
        type=float,
        default=_END_WITHIN_S,
        metavar="S",
        help="by force, where one step takes longer",
    )
    asked = parser.parse_args(argv)
    if asked.list:
        for scenario in SCENARIOS.values():
            print(f"{scenario.name}\n    {scenario.promise}")
        return 0
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1, 10**6)
    only = [name for name in asked.only.split(",") if name]
    if unknown := set(only) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; --list names them all")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    walk = Walk(seed, asked.minutes, only, act_within_s=asked.act_within, end_within_s=asked.end_within)
    broken = None
    with walk.end:
        try:
            asyncio.run(walk.run())
        except* Violation as violations:
            broken = "BROKEN: " + "; ".join(_told(violations))
        except* Exception as errors:  # noqa: BLE001 - whatever it was, the report says so
            traceback.print_exception(errors)
            broken = f"FAILED: {walk.at}: " + "; ".join(_told(errors))
        except* KeyboardInterrupt:
            broken = f"STOPPED: {walk.at}; nothing was broken until then"
    walk.report(broken)
    return 1 if broken else 0


def _told(group: BaseExceptionGroup[BaseException]) -> list[str]:
    told = []
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            told += _told(error)
        else:
            text = str(error) or type(error).__name__
            told.append(f"{text} ({', '.join(getattr(error, '__notes__', []))})")
    return told


if __name__ == "__main__":
    sys.exit(main())
