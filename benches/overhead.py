#!/usr/bin/env python3
"""What it costs to see everything: overhead.py GATEWAY KIT [--sittings N] [--rounds N] [--apart].

The same requests go through the same binary with everything off (no log, no admin listener, no ledger), with a log of
JSON lines and metrics, with traces besides, and with the ledger besides that. In a sitting all of them run side by side and
are asked in turn, in short bursts, so that whatever else the machine does meets all alike. Two processes of the same
differ by some percent, by where their memory happens to lie, so there are several sittings, each with new processes, and
one of them has everything off once more: how far that is from 1 tells what the other ratios are worth. Told are CPU time
for a request and requests a second, each as a ratio to the burst with everything off of the same round: the median, and
between which ratios half of the rounds lie. Figures of one machine at one time are worth nothing but as such ratios.

KIT is a folder with two programs: `mock`, an upstream on $MOCK_ADDR whose models `mock-20x0` and `mock-200x0` answer
with so many deltas, and `lg`, a load generator that prints one JSON object with `rps` and `ok`."""

from __future__ import annotations

import argparse
import atexit
import http.server
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

# What is on, and how much dearer a request may become by it.
SETS = {
    "off again": (set(), None),
    "log, metrics": ({"log", "metrics"}, 1.05),
    "with traces": ({"log", "metrics", "traces"}, 1.10),
    "with traces and ledger": ({"log", "metrics", "ledger", "traces"}, None),
}
# Each by itself, to see what costs.
APART = {"off again": (set(), None)} | {name: ({name}, None) for name in ("log", "metrics", "ledger", "traces")}
MESSAGES = [
    {"role": "system", "content": "You are a concise storyteller."},
    {"role": "user", "content": "Tell me, in one short paragraph, about a lighthouse keeper who counts ships at dusk."},
]
# Name, model, whether streamed, requests of a burst, connections.
LOADS = [
    ("whole", "openai/mock-20x0", False, 3000, 64),
    ("whole, translated", "anthropic/mock-20x0", False, 3000, 64),
    ("stream of 200", "anthropic/mock-200x0", True, 500, 32),
]
# So that what is handed over in the background is in the bill.
SETTLE = 0.1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"nobody listens on port {port}")


def start(command: list[str], core: int, log: Path | None = None, **variables: str) -> subprocess.Popen:
    """On a core of its own, where there is more than one: the gateway shares its own with nobody."""
    cores = sorted(os.sched_getaffinity(0))
    pinned = ["taskset", "-c", str(cores[core % len(cores)])]
    out = log.open("wb") if log else subprocess.DEVNULL
    process = subprocess.Popen([*pinned, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={"PATH": os.environ["PATH"], **variables})
    atexit.register(process.kill)
    return process


def cpu(pid: int) -> float:
    """CPU seconds of a process: of its threads, in nanoseconds, where the kernel tells, else in ticks."""
    spent = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            spent += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
        except (OSError, IndexError):
            pass
    if spent:
        return spent / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes spans, and forgets them."""

    protocol_version = "HTTP/1.1"
    taken = 0

    def do_POST(self) -> None:
        Sink.taken += len(self.rfile.read(int(self.headers.get("content-length", 0))))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Bench:
    def __init__(self, gateway: str, kit: str) -> None:
        self.gateway, self.kit = os.path.abspath(gateway), Path(kit)
        self.up = free_port()
        start([str(self.kit / "mock")], 0, MOCK_ADDR=f"127.0.0.1:{self.up}")
        wait_for(self.up)
        sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        self.sink = sink.server_port


class Variant:
    """A gateway with some of it on."""

    def __init__(self, bench: Bench, on: set[str]) -> None:
        self.bench, self.on, self.requests = bench, on, 0
        self.folder = tempfile.TemporaryDirectory(prefix="llmgw-bench-")
        self.root = Path(self.folder.name)
        self.port, admin = free_port(), free_port()
        config = {
            "server": {"address": f"127.0.0.1:{self.port}", **({"admin": f"127.0.0.1:{admin}"} if "metrics" in on else {})},
            "providers": {
                "openai": {"api_key": "k", "base_url": f"http://127.0.0.1:{bench.up}/v1"},
                "anthropic": {"api_key": "k", "base_url": f"http://127.0.0.1:{bench.up}"},
            },
            "prices": {f"{name}/*": {"input": 1, "output": 2} for name in ("openai", "anthropic")},
            "store": {"kind": "sqlite" if "ledger" in on else "none"},
            "log": {"level": "info" if "log" in on else "off", "format": "json"},
        }
        # JSON is YAML.
        (self.root / "config.yaml").write_text(json.dumps(config))
        variables = {"HOME": self.folder.name, "XDG_STATE_HOME": self.folder.name}
        if "traces" in on:
            variables |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{bench.sink}", "OTEL_BSP_SCHEDULE_DELAY": "1000", "OTEL_BSP_MAX_QUEUE_SIZE": "65536"}
        self.process = start([bench.gateway, "serve", "--config", str(self.root / "config.yaml")], 1, self.root / "log", **variables)
        wait_for(self.port)
        if "metrics" in on:
            threading.Thread(target=scrape, args=(admin,), daemon=True).start()

    def burst(self, load: tuple) -> tuple[float, float]:
        """CPU microseconds for a request, and requests a second."""
        _, model, streamed, requests, connections = load
        body = json.dumps({"model": model, "stream": streamed, "input": MESSAGES, "max_output_tokens": 512, "store": False})
        ends = ["--end", "response.completed", "--deltas", "200"] if streamed else ["--expect", "lighthouse"]
        command = [str(self.bench.kit / "lg"), "--url", f"http://127.0.0.1:{self.port}/v1/responses", "--body", body, "--conns", str(connections), *ends]
        before = cpu(self.process.pid)
        ran = subprocess.run(["taskset", "-c", "0", *command, "--requests", str(requests)], stdout=subprocess.PIPE, text=True, check=True)
        time.sleep(SETTLE)
        spent = cpu(self.process.pid) - before
        told = json.loads(ran.stdout)
        if told["ok"] < requests:
            sys.exit(f"only {told['ok']} of {requests} requests went well: {ran.stdout[:500]}")
        self.requests += requests
        return spent / requests * 1e6, told["rps"]

    def end(self) -> None:
        """What was measured was really on, or off."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        lines = sum('"outcome"' in line for line in (self.root / "log").open())
        if lines != (self.requests if "log" in self.on else 0):
            sys.exit(f"{self.on}: {lines} lines of log for {self.requests} requests")
        if (self.root / "llmgw/store.sqlite").exists() != ("ledger" in self.on):
            sys.exit(f"{self.on}: the ledger is not as it should be")
        if "traces" in self.on and not Sink.taken:
            sys.exit("no spans came")
        self.folder.cleanup()


def scrape(admin: int) -> None:
    """As Prometheus does, and rather oftener."""
    while True:
        time.sleep(5)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5).read()
        except OSError:
            return


def middle(values: list[float]) -> str:
    low, median, high = statistics.quantiles(values, n=4)
    return f"x {median:.3f} ({low:.3f} to {high:.3f})"


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("gateway")
    arguments.add_argument("kit")
    arguments.add_argument("--sittings", type=int, default=6)
    arguments.add_argument("--rounds", type=int, default=8, help="of each sitting")
    arguments.add_argument("--apart", action="store_true", help="measure each by itself, without judging")
    given = arguments.parse_args()
    sets = {"off": (set(), None), **(APART if given.apart else SETS)}
    bench = Bench(given.gateway, given.kit)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(given.sittings):
        variants = {name: Variant(bench, on) for name, (on, _) in sets.items()}
        # The first round warms up.
        for round_ in range(given.rounds + 1):
            for load in LOADS:
                # Nobody always comes after the same one, or first.
                for name in random.sample(list(variants), len(variants)):
                    burst = variants[name].burst(load)
                    if round_ > 0:
                        found.setdefault((load[0], name), []).append(burst)
        for variant in variants.values():
            variant.end()
    over = 0
    for (load, name), bursts in found.items():
        if name == "off":
            continue
        off = found[load, "off"]
        dearer = [one[0] / base[0] for one, base in zip(bursts, off)]
        faster = [one[1] / base[1] for one, base in zip(bursts, off)]
        bound = sets[name][1]
        is_over = bound is not None and statistics.median(dearer) > bound
        over += is_over
        print(f"{'!! ' if is_over else ''}{load}, {name}: CPU {middle(dearer)}, requests a second {middle(faster)}, "
              f"of {statistics.median(spent for spent, _ in off):.0f} us with all off")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
