"""/metrics: what a Prometheus asks for, read from the running parts at the moment it asks."""

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tailboard.core.event import EventKind
from tailboard.sources.health import Health, State
from tailboard.web.board import Board


def exposition(board: Board, sources: Sequence[Health] = ()) -> bytes:
    """The metrics of one board in Prometheus' text format; `sources` is how the adopted ones are."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_BoardMetrics(board, sources))
    return generate_latest(registry)


class _BoardMetrics(Collector):
    def __init__(self, board: Board, sources: Sequence[Health]) -> None:
        self._board = board
        self._adopted = sources

    def collect(self) -> Iterator[Metric]:
        yield from self._feed()
        yield from self._delivery()
        yield from self._jobs()
        yield from self._sources()
        yield from self._pool()

    def _feed(self) -> Iterator[Metric]:
        counts, tailer, sealer = self._board.event_counts, self._board.tailer, self._board.sealer
        events = CounterMetricFamily("tailboard_events", "Events seen by this node.", labels=["kind"])
        for kind in EventKind:
            events.add_metric([kind.value], counts.by_kind[kind])
        yield events
        yield _counter("tailboard_ticks", "Ticks seen by this node.", counts.ticks)
        yield _counter("tailboard_log_resets", "Times the log was replaced under this node.", counts.resets)
        yield _gauge(
            "tailboard_lag_seconds",
            "How far what this node tells is behind what is committed.",
            tailer.lag_ms / 1000,
        )
        position = 0 if tailer.head is None else tailer.head.position
        yield _gauge("tailboard_log_position", "The position this node has delivered up to.", position)
        yield _gauge("tailboard_tailer_ready", "1 while this node follows the log.", int(tailer.is_ready))
        yield _counter(
            "tailboard_tailer_restarts", "Times the tailer failed and began again.", tailer.restarts
        )
        yield _gauge("tailboard_sealer_leader", "1 on the node that seals.", int(sealer.leading))
        yield _counter(
            "tailboard_sealer_restarts", "Times the sealer failed and began again.", sealer.restarts
        )
        yield _counter("tailboard_sealed_ticks", "Ticks sealed by this node.", sealer.ticks_sealed)
        yield _counter("tailboard_sealed_changes", "Changes sealed by this node.", sealer.changes_sealed)

    def _delivery(self) -> Iterator[Metric]:
        hub = self._board.hub
        counters = hub.counters
        subscribers = GaugeMetricFamily(
            "tailboard_subscribers", "Clients connected to this node.", labels=["transport"]
        )
        queued = 0
        connected: Counter[str] = Counter()
        for connection in hub.connections():
            connected[connection.transport] += 1
            queued += connection.queued_bytes
        for transport in ("websocket", "sse"):
            subscribers.add_metric([transport], connected[transport])
        yield subscribers
        yield _gauge("tailboard_mailbox_bytes", "Bytes that wait for slow clients.", queued)
        yield _counter("tailboard_delivered_events", "Events handed to clients.", counters.delivered)
        yield _counter("tailboard_replayed_events", "Events sent to clients that resumed.", counters.replayed)
        yield _counter("tailboard_client_resets", "Resets told to clients.", counters.reset)
        yield _counter("tailboard_slow_clients_closed", "Clients closed as too slow.", counters.closed_slow)
        yield _counter("tailboard_connections_accepted", "Connections let in.", counters.connected)
        yield _counter("tailboard_connections_refused", "Connections refused.", counters.refused)

    def _jobs(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("tailboard_jobs", "Jobs by status.", labels=["status"])
        for status, n in self._board.projector.counts()[1].items():
            if status != "total":
                jobs.add_metric([status], n)
        yield jobs

    def _sources(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "tailboard_source_state",
            "1 for the state that an adopted source is in.",
            labels=["source", "state"],
        )
        faults = CounterMetricFamily(
            "tailboard_source_faults", "Changes that a source's capture could not record.", labels=["source"]
        )
        for source in self._adopted:
            faults.add_metric([source.name], source.faults)
            for state in State:
                states.add_metric([source.name, state.value], int(source.state is state))
        yield states
        yield faults

    def _pool(self) -> Iterator[Metric]:
        stats = self._board.database.pool.get_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        pool = GaugeMetricFamily("tailboard_pool_connections", "Database connections.", labels=["state"])
        pool.add_metric(["in_use"], size - idle)
        pool.add_metric(["idle"], idle)
        yield pool
        waiting = stats.get("requests_waiting", 0)
        yield _gauge("tailboard_pool_waiting", "Requests that wait for a database connection.", waiting)
        errors = stats.get("requests_errors", 0)
        yield _counter("tailboard_pool_errors", "Requests that got no database connection.", errors)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(name, says, value=value)
