"""What a scenario is: a fault, the promise that has to hold through it, and the function that makes it happen."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from faults.world import World

Act = Callable[[World], Awaitable[str | None]]
"""Makes the fault happen and ends it; returns what is worth printing. The oracle is asked afterwards, always."""


class Skipped(Exception):
    """This fault cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    promise: str
    act: Act


SCENARIOS: Final[dict[str, Scenario]] = {}


def fault(promise: str) -> Callable[[Act], Act]:
    """Name a function as a scenario. Its own name is what `make faults ONLY=` takes."""

    def register(act: Act) -> Act:
        name = act.__name__
        SCENARIOS[name] = Scenario(name, promise, act)
        return act

    return register
