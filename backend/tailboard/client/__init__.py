"""A typed Python client of the public protocol: what any program outside Tailboard may rely on.

It knows the server only by its interfaces. `Feed` follows the events and never misses or repeats one;
`messages` are the frames it hands out.
"""

from tailboard.client.feed import Backoff, Feed
from tailboard.client.filters import Filter, any_of
from tailboard.client.messages import (
    CaughtUp,
    Disconnected,
    Heartbeat,
    Job,
    JobEvent,
    Left,
    Message,
    Reset,
    Stats,
    Subscribed,
    Transition,
    Welcome,
)
from tailboard.errors import ServerRefused, ServerUnreachable

__all__ = [
    "Backoff",
    "CaughtUp",
    "Disconnected",
    "Feed",
    "Filter",
    "Heartbeat",
    "Job",
    "JobEvent",
    "Left",
    "Message",
    "Reset",
    "ServerRefused",
    "ServerUnreachable",
    "Stats",
    "Subscribed",
    "Transition",
    "Welcome",
    "any_of",
]
