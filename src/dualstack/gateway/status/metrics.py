"""A snapshot in Prometheus' words: `dualstack_connections_total{service,port,family}` and the like.

Every label has few values: names of the configuration, families, and rules up to the number that are counted one by
one. Addresses of clients and targets are never labels.
"""

from collections.abc import Callable, Generator, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from dualstack.gateway.status.slices import at_once
from dualstack.gateway.status.snapshot import Service, Snapshot

__all__ = ["exposing", "exposition"]


def exposition(shot: Snapshot, accept: str = "") -> tuple[bytes, str]:
    """The metrics and their content type, in the format that `accept` asks for."""
    work, content_type = exposing(shot, accept)
    return at_once(work), content_type


def exposing(shot: Snapshot, accept: str = "") -> tuple[Generator[None, None, bytes], str]:
    """The same as work that can be left in between."""
    encode, content_type = choose_encoder(accept)
    return _exposed(shot, encode), content_type


# OpenMetrics ends so, and each of our parts does.
_END = b"# EOF\n"


def _exposed(shot: Snapshot, encode: Callable[[CollectorRegistry], bytes]) -> Generator[None, None, bytes]:
    parts: list[bytes] = []
    names: set[str] = set()
    for metric in _metrics(shot):
        registry = CollectorRegistry(auto_describe=False)
        is_open = bool(parts) and parts[0].endswith(_END)
        registry.register(_One(_apart(metric) if is_open and metric.name in names else metric))
        names.add(metric.name)
        parts.append(encode(registry))
        yield
    has_end = parts[0].endswith(_END)
    return b"".join(part.removesuffix(_END) for part in parts) + (_END if has_end else b"")


def _apart(counter: Metric) -> Metric:
    """A counter that shares its name with a gauge, but for `_total`, which is no part of a name to OpenMetrics.

    There each name stands once; a family of no type may be called as its samples are.
    """
    made = Metric(f"{counter.name}_total", counter.documentation, "unknown")
    made.samples = counter.samples
    return made


class _One(Collector):
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        """It."""
        yield self._metric


def _metrics(shot: Snapshot) -> Iterator[Metric]:
    yield from _of_gateway(shot)
    yield from _of_connections(shot.services)
    yield from _of_trouble(shot.services)
    yield from _of_datagrams(shot.services)


def _counter(name: str, help_text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"dualstack_{name}", help_text, labels=labels)


def _gauge(name: str, help_text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"dualstack_{name}", help_text, labels=labels)


def _of_gateway(shot: Snapshot) -> Iterator[Metric]:
    yield InfoMetricFamily("dualstack", "The gateway.", value={"version": shot.program})
    started = _gauge("start_time_seconds", "When the gateway began, seconds since 1970.")
    started.add_metric([], shot.started)
    yield started
    workers = _gauge("workers", "Processes that relay.")
    workers.add_metric([], shot.workers)
    yield workers
    short = _gauge("descriptors_short", "Workers without a descriptor left: new clients wait in the kernel's queues.")
    short.add_metric([], shot.short_now)
    yield short
    shortages = _counter("descriptor_shortages", "How often a worker had no descriptor left.")
    shortages.add_metric([], shot.shortages)
    yield shortages
    lost = _counter("log_lines_lost", "Lines that nobody read in time, or that the disk had no room for.", "log")
    for each in shot.lost:
        lost.add_metric([each.log], each.lines)
    yield lost
    listening = _gauge("port_listening", "Whether a port listens: 1, or 0 where it is stopped or failed.", "port")
    for port in shot.ports:
        listening.add_metric([port.name], port.state == "listening")
    yield listening


def _of_connections(services: list[Service]) -> Iterator[Metric]:
    key = ("service", "port", "family")
    now = _gauge("connections", "Connections, and flows of UDP, that are open, by the client's family.", *key)
    total = _counter("connections", "Connections, and flows of UDP, that were let in, by the client's family.", *key)
    way = (*key, "target_family")
    relayed = _counter("relayed_connections", "Connections by the families of client and target.", *way)
    moved = _counter("bytes", "Bytes relayed; up is to the target.", *way, "direction")
    for service in services:
        for on in service.on:
            for client in on.clients:
                now.add_metric([service.name, on.port, client.family], client.now)
                total.add_metric([service.name, on.port, client.family], client.total)
            for each in on.ways:
                labels = [service.name, on.port, each.client, each.target]
                relayed.add_metric(labels, each.total)
                moved.add_metric([*labels, "up"], each.bytes_up)
                moved.add_metric([*labels, "down"], each.bytes_down)
    yield from (now, total, relayed, moved)


def _of_trouble(services: list[Service]) -> Iterator[Metric]:
    refused = _counter("refused", "Clients that were not let in, by the rule that refused.", "service", "rule")
    unreached = _counter("unreached", "Clients whose target was not reached.", "service")
    for service in services:
        for rule in service.rules:
            refused.add_metric([service.name, rule.rule], rule.count)
        unreached.add_metric([service.name], service.unreached)
    yield from (refused, unreached)


def _of_datagrams(services: list[Service]) -> Iterator[Metric]:
    datagrams = _counter("datagrams", "Datagrams relayed; up is to the target.", "service", "direction")
    moved = _counter("datagram_bytes", "Bytes of datagrams relayed.", "service", "direction")
    dropped = _counter("datagrams_dropped", "Datagrams that were not relayed.", "service")
    evicted = _counter("flows_evicted", "Flows that made room for others.", "service")
    for service in services:
        counted = service.datagrams
        if counted is None:
            continue
        datagrams.add_metric([service.name, "up"], counted.datagrams_up)
        datagrams.add_metric([service.name, "down"], counted.datagrams_down)
        moved.add_metric([service.name, "up"], counted.bytes_up)
        moved.add_metric([service.name, "down"], counted.bytes_down)
        dropped.add_metric([service.name], counted.dropped)
        evicted.add_metric([service.name], counted.evicted)
    yield from (datagrams, moved, dropped, evicted)
