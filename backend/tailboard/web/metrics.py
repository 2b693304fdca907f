"""/metrics: what a Prometheus asks for, read from the running parts at the moment it asks."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tailboard.core.event import EventKind
from tailboard.core.job import STATUSES
from tailboard.db.gauges import Readings
from tailboard.live.presence import LATE_S, LOST_S, Health
from tailboard.sources.health import State
from tailboard.web.board import Board


def exposition(board: Board, readings: Readings) -> bytes:
    """The metrics of one board in Prometheus' text format; `readings` is what the database was asked for them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_BoardMetrics(board, readings))
    return generate_latest(registry)


class _BoardMetrics(Collector):
    def __init__(self, board: Board, readings: Readings) -> None:
        self._board = board
        self._read = readings

    def collect(self) -> Iterator[Metric]:
        yield from self._node()
        yield from self._feed()
        yield from self._log()
        yield from self._delivery()
        yield from self._jobs()
        yield from self._workers()
        yield from self._sources()
        yield from self._pool()

    def _node(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("tailboard_build_info", "1, for the version that runs.", labels=["version"])
        build.add_metric([self._board.version], 1)
        yield build
        up = self._read.answered
        yield _gauge("tailboard_database_up", "1 where the database answered this scrape.", int(up))
        ready = up and self._board.tailer.is_ready
        yield _gauge("tailboard_ready", "1 while /readyz answers 200.", int(ready))

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

    def _log(self) -> Iterator[Metric]:
        kept_s = self._board.sealer.retention_s
        if kept_s is not None:
            yield _gauge(
                "tailboard_log_retention_seconds", "TAILBOARD_RETENTION; none where it is forever.", kept_s
            )
        read = self._read.log
        if read is not None:
            yield _gauge("tailboard_log_size_bytes", "Disk that the log takes, indexes included.", read.bytes)
            yield _gauge("tailboard_log_reach_seconds", "How far back the log goes.", read.reach_s)
            yield _gauge(
                "tailboard_log_first_position", "The first position in the log.", read.first_position
            )
            yield _gauge("tailboard_log_last_position", "The last position in the log.", read.last_position)
        if self._read.notify_queue is not None:
            yield _gauge(
                "tailboard_notify_queue_ratio",
                "How full the queue of notifications of the whole cluster is; at 1 commits that NOTIFY fail.",
                self._read.notify_queue,
            )

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
        jobs = GaugeMetricFamily("tailboard_jobs", "Jobs by source and status.", labels=["source", "status"])
        stats = self._board.projector.current()
        counts = stats.by_source()
        none = dict.fromkeys(STATUSES, 0)
        for source in sorted({*stats.counted(), *counts}):
            for status, n in counts.get(source, none).items():
                if status != "total":
                    jobs.add_metric([source, status], n)
        yield jobs

    def _workers(self) -> Iterator[Metric]:
        read = self._read.workers
        if read is None:
            return
        workers = GaugeMetricFamily(
            "tailboard_workers",
            f"Workers seen within a day: late after {LATE_S} s of silence, lost after {LOST_S} s.",
            labels=["health"],
        )
        held = GaugeMetricFamily(
            "tailboard_held_jobs",
            "Built-in jobs in progress, of the 2,000 oldest, by how the worker is that has them.",
            labels=["health"],
        )
        for health, n, jobs in (
            (Health.ALIVE, read.alive, read.held_alive),
            (Health.LATE, read.late, read.held_late),
            (Health.LOST, read.lost, read.held_lost),
        ):
            workers.add_metric([health.value], n)
            held.add_metric([health.value], jobs)
        yield workers
        yield held

    def _sources(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "tailboard_source_state",
            "1 for the state that a source is in.",
            labels=["source", "state"],
        )
        faults = CounterMetricFamily(
            "tailboard_source_faults", "Changes that a source's capture could not record.", labels=["source"]
        )
        found = {
            source.name: State.OK if source.captured else State.BROKEN
            for source in self._read.registered
            if source.builtin
        }
        found |= {source.name: source.state for source in self._read.adopted}
        for name, is_in in found.items():
            for state in State:
                states.add_metric([name, state.value], int(is_in is state))
        for source in self._read.adopted:
            faults.add_metric([source.name], source.faults)
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
