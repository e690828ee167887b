#!/usr/bin/env python3
"""What it costs to see everything: overhead.py GATEWAY KIT [--rounds N] [--scale F].

The same requests go through the same binary with everything off (no log, no admin listener, no ledger), with a log of
JSON lines, metrics that are scraped, and the ledger, and with traces beside that, in turn, again and again in one run: CPU
time for a request and requests a second, each as a ratio to the run with everything off in the same round. Figures of
one machine at one time are worth nothing but as such ratios; the spread over the rounds says what a ratio is worth.

KIT is a folder with two programs: `mock`, an upstream on $MOCK_ADDR whose models `mock-20x0` and `mock-200x0` answer
with so many deltas, and `lg`, a load generator that prints one JSON object with `rps` and `ok`."""

from __future__ import annotations

import argparse
import atexit
import http.server
import json
import os
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
    "log, metrics": ({"log", "metrics"}, 1.05),
    "and ledger": ({"log", "metrics", "ledger"}, None),
    "and traces": ({"log", "metrics", "ledger", "traces"}, 1.10),
}
# Each by itself, to see what costs.
APART = {name: ({name}, None) for name in ("log", "metrics", "ledger", "traces")}
MESSAGES = [
    {"role": "system", "content": "You are a concise storyteller."},
    {"role": "user", "content": "Tell me, in one short paragraph, about a lighthouse keeper who counts ships at dusk."},
]
# Name, model, whether streamed, requests, connections.
LOADS = [
    ("whole", "openai/mock-20x0", False, 12000, 64),
    ("whole, translated", "anthropic/mock-20x0", False, 12000, 64),
    ("stream of 200", "anthropic/mock-200x0", True, 2000, 32),
]


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
    def __init__(self, gateway: str, kit: str, scale: float) -> None:
        self.gateway, self.kit, self.scale = os.path.abspath(gateway), Path(kit), scale
        self.up = free_port()
        start([str(self.kit / "mock")], 0, MOCK_ADDR=f"127.0.0.1:{self.up}")
        wait_for(self.up)
        sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        self.sink = sink.server_port

    def variant(self, on: set[str]) -> dict[str, tuple[float, float]]:
        """CPU microseconds for a request and requests a second, of each load."""
        port, admin = free_port(), free_port()
        with tempfile.TemporaryDirectory(prefix="llmgw-bench-") as folder:
            root = Path(folder)
            config = {
                "server": {"address": f"127.0.0.1:{port}", **({"admin": f"127.0.0.1:{admin}"} if "metrics" in on else {})},
                "providers": {
                    "openai": {"api_key": "k", "base_url": f"http://127.0.0.1:{self.up}/v1"},
                    "anthropic": {"api_key": "k", "base_url": f"http://127.0.0.1:{self.up}"},
                },
                "prices": {f"{name}/*": {"input": 1, "output": 2} for name in ("openai", "anthropic")},
                "store": {"kind": "sqlite" if "ledger" in on else "none"},
                "log": {"level": "info" if "log" in on else "off", "format": "json"},
            }
            # JSON is YAML.
            (root / "config.yaml").write_text(json.dumps(config))
            variables = {"HOME": folder, "XDG_STATE_HOME": folder}
            if "traces" in on:
                variables |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.sink}", "OTEL_BSP_SCHEDULE_DELAY": "1000", "OTEL_BSP_MAX_QUEUE_SIZE": "65536"}
            process = start([self.gateway, "serve", "--config", str(root / "config.yaml")], 1, root / "log", **variables)
            wait_for(port)
            over = threading.Event()
            scraper = threading.Thread(target=scrape, args=(admin, over))
            if "metrics" in on:
                scraper.start()
            found = {load[0]: self.load(port, process.pid, load) for load in LOADS}
            over.set()
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            if "metrics" in on:
                scraper.join()
            self.check(root, on)
        return found

    def check(self, root: Path, on: set[str]) -> None:
        """What is measured was really on, or off."""
        lines = sum('"outcome"' in line for line in (root / "log").open())
        least = sum(load[3] for load in LOADS) * self.scale if "log" in on else 0
        if lines < least or bool(lines) != ("log" in on):
            sys.exit(f"{on}: {lines} lines of log for {least:.0f} requests")
        if (root / "llmgw/store.sqlite").exists() != ("ledger" in on):
            sys.exit(f"{on}: the ledger is not as it should be")
        if "traces" in on and not Sink.taken:
            sys.exit("no spans came")

    def load(self, port: int, pid: int, load: tuple) -> tuple[float, float]:
        _, model, streamed, requests, connections = load
        requests = int(requests * self.scale)
        body = json.dumps({"model": model, "stream": streamed, "input": MESSAGES, "max_output_tokens": 512, "store": False})
        ends = ["--end", "response.completed", "--deltas", "200"] if streamed else ["--expect", "lighthouse"]
        command = [str(self.kit / "lg"), "--url", f"http://127.0.0.1:{port}/v1/responses", "--body", body, "--conns", str(connections), *ends]
        subprocess.run([*command, "--requests", "500"], stdout=subprocess.DEVNULL, check=True)
        before = cpu(pid)
        ran = subprocess.run(["taskset", "-c", "0", *command, "--requests", str(requests)], stdout=subprocess.PIPE, text=True, check=True)
        spent = cpu(pid) - before
        told = json.loads(ran.stdout)
        if told["ok"] < requests:
            sys.exit(f"only {told['ok']} of {requests} requests went well: {ran.stdout[:500]}")
        return spent / requests * 1e6, told["rps"]


def scrape(admin: int, over: threading.Event) -> None:
    """As Prometheus does, and rather oftener."""
    while not over.wait(5):
        urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5).read()


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("gateway")
    arguments.add_argument("kit")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--scale", type=float, default=1.0, help="so many times the usual number of requests")
    arguments.add_argument("--apart", action="store_true", help="measure each by itself, without judging")
    given = arguments.parse_args()
    sets = APART if given.apart else SETS
    bench = Bench(given.gateway, given.kit, given.scale)
    ratios: dict[tuple[str, str], list[tuple[float, float]]] = {}
    costs: dict[str, list[float]] = {}
    names = list(sets)
    for round_ in range(given.rounds):
        # Whoever comes first has no advantage of it over the rounds.
        order = ["off", *names] if round_ % 2 == 0 else [*reversed(names), "off"]
        found = {name: bench.variant(sets[name][0] if name in sets else set()) for name in order}
        for load, (spent, rate) in found["off"].items():
            costs.setdefault(load, []).append(spent)
            for name in names:
                more, slower = found[name][load]
                ratios.setdefault((load, name), []).append((more / spent, slower / rate))
    over = 0
    for (load, name), pairs in ratios.items():
        dearer, faster = [statistics.median(values) for values in zip(*pairs)]
        spread = [f"{min(values):.3f} to {max(values):.3f}" for values in zip(*pairs)]
        bound = sets[name][1]
        is_over = bound is not None and dearer > bound
        over += is_over
        print(f"{'!! ' if is_over else ''}{load}, {name}: CPU x {dearer:.3f} ({spread[0]}), "
              f"requests a second x {faster:.3f} ({spread[1]}), of {statistics.median(costs[load]):.0f} us with all off")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
