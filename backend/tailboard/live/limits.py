"""What clients may cost the hub, and what they have cost it."""

import msgspec

from tailboard.core.mailbox import DEFAULT_LIMIT


class HubLimits(msgspec.Struct, frozen=True, kw_only=True):
    """All that bounds what clients can cost, and the rhythm they are served in."""

    connections: int = 10_000
    mailbox_bytes: int = DEFAULT_LIMIT
    frame_bytes: int = 256 << 10
    """More than this for one filter is cut into several frames, sent `pace_s` apart."""
    pace_s: float = 0.004
    backlog_bytes: int = 32 << 20
    """What may wait for one filter; past it all its subscriptions are reset."""
    recent_bytes: int = 4 << 20
    """Events kept in memory for those who were away for a moment."""
    replays: int = 8
    """Resumptions that read the database at one time."""
    grace_s: float = 30
    """How long a client may take nothing before it is closed."""
    heartbeat_s: float = 25
    behind_s: float = 5
    """Between heartbeats while the feed is behind."""
    stats_interval_s: float = 0.25


class HubCounters(msgspec.Struct):
    """Totals since the start."""

    events: int = 0
    delivered: int = 0
    connected: int = 0
    refused: int = 0
    replayed: int = 0
    reset: int = 0
    closed_slow: int = 0
