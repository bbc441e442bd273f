"""What a run found: medians, their ratios to the reference, and the machine they are true of."""

import os
import platform
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.loads import IDLE, LOADS, TOOLS, Load
from bench.relays import OURS, REFERENCE, REFERENCE_OF_TWO, RELAYS, reference_of, version

__all__ = ["Results", "document", "machine", "markdown", "table"]


@dataclass
class Results:
    """Figures by load and relay, one a round; and the processor time each unit of it cost the relay, in seconds."""

    figures: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    cpu: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, load: str, relay: str, figure: float, cpu: float | None = None) -> None:
        """Enter one round's figure."""
        self.figures[load][relay].append(figure)
        if cpu is not None:
            self.cpu[load][relay].append(cpu)

    def ratio(self, load: str, relay: str, to: str = REFERENCE) -> float | None:
        """The median over the rounds of how a relay compares with another."""
        ours, theirs = self.figures[load].get(relay, []), self.figures[load].get(to, [])
        return median(a / b for a, b in zip(ours, theirs, strict=True)) if ours and theirs else None

    def relays(self) -> list[str]:
        """Who was measured, in the order of the measurement."""
        return list(dict.fromkeys(relay for load in self.figures.values() for relay in load))


def machine() -> dict[str, str]:
    """What the figures depend on."""
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    versions = {relay.name: version(relay.version) for relay in RELAYS}
    tools = {name: version(command) for name, command in TOOLS.items()}
    return {
        "kernel": f"{platform.system()} {platform.release()}",
        "processor": f"{processor}, {os.cpu_count()} cores shared by load, relay and server",
        "Python": platform.python_version(),
        **versions,
        **tools,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _cell(results: Results, load: Load, relay: str) -> str:
    figures = results.figures[load.name].get(relay)
    if not figures:
        return "-"
    text = f"{median(figures):.2f}"
    if (ratio := results.ratio(load.name, relay, reference_of(relay))) is not None and relay != REFERENCE:
        text += f" ({ratio:.2f})"
    if cpu := results.cpu[load.name].get(relay):
        text += f" [{median(cpu) * load.cpu_scale:.3g}]"
    return text


def _rows(results: Results) -> list[list[str]]:
    loads = [load for load in LOADS if load.name in results.figures]
    head = ["relay", *(f"{load.title}, {load.unit} [CPU {load.cpu_unit}]" for load in loads)]
    idle = results.figures.get(IDLE)
    rows = []
    for relay in results.relays():
        row = [relay, *(_cell(results, load, relay) for load in loads)]
        if idle:
            row.append(f"{median(idle[relay]):.2f}" if idle.get(relay) else "-")
        rows.append(row)
    if (peer := "socat") in results.relays() and OURS in results.relays():
        ratios = [results.ratio(load.name, OURS, peer) for load in loads]
        rows.append([f"{OURS} to {peer}", *(f"({ratio:.2f})" for ratio in ratios), *(["-"] if idle else [])])
    return [head + ([f"{IDLE}, kB a connection"] if idle else []), *rows]


def table(results: Results) -> str:
    """For a terminal."""
    rows = _rows(results)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def markdown(results: Results) -> str:
    """For the documentation, with the machine's description."""
    head, *rows = _rows(results)
    lines = [
        "# How fast the relay is",
        "",
        "`make bench` measures it on your machine; this page is what",
        "`make bench ARGS='--markdown docs/reference/relay-speed.md'` wrote on ours.",
        "",
        "IPv6 in front, IPv4 behind, over the loopback interface of one machine. Every round puts each load on each",
        f"relay in turn; shown are medians, and in parentheses the median of the ratios to {REFERENCE}, taken round by",
        f"round; two workers are compared with {REFERENCE_OF_TWO}. In brackets: the relay's own processor time, in",
        "ms a GB and in us a request or connection. `direct` is the load on the server itself. Bulk is iperf3;",
        "requests and short connections are wrk before nginx.",
        "",
        "Beside their defaults the others have been told: "
        + "; ".join(f"{relay.name}: {relay.tuned}" for relay in RELAYS if relay.tuned)
        + ".",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        "The machine and the versions:",
        "",
        *(f"- {name}: {text}" for name, text in machine().items()),
        "",
    ]
    return "\n".join(lines)


def document(results: Results) -> dict[str, object]:
    """For programs."""
    relays = results.relays()
    return {
        "version": 1,
        "machine": machine(),
        "loads": {
            load: {
                relay: {
                    "figures": figures[relay],
                    "median": median(figures[relay]),
                    "reference": reference_of(relay),
                    "ratio": results.ratio(load, relay, reference_of(relay)),
                    "cpu_s": median(results.cpu[load][relay]) if results.cpu[load].get(relay) else None,
                }
                for relay in relays
                if figures.get(relay)
            }
            for load, figures in results.figures.items()
        },
    }
