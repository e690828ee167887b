#!/usr/bin/env python3
"""The ledger of usage under load, killed: ledger.py BINARY.

Requests run against the built-in model; the process is killed with SIGKILL in the midst of them, again and again. Each
time the file must be whole, no request may stand in it twice, and none that ended more than a second before may be
missing. Then the books are read by `llmgw usage`, as rows and as JSON, and by `GET /admin/usage`, and must agree. At last
the database is locked, and answers go on."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PROMPT = "the-prompt-canary-5f1c"
KEY = "gw-canaryCLIENT0123456789"
CLIENTS = 8
failures: list[str] = []


def expect(condition: object, what: str) -> None:
    if not condition:
        failures.append(what)
        print(f"MISS {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    def __init__(self, binary: str, root: Path) -> None:
        self.port, self.admin = free_port(), free_port()
        config = root / "config.yaml"
        config.write_text(f"""
server:
  admin: "127.0.0.1:{self.admin}"
  keys: [{{ name: ci, key: {KEY} }}]
models: {{ smart: {{ targets: [demo] }} }}
prices: {{ "demo/*": {{ input: 1, output: 2 }} }}
""")
        self.command = [binary, "--config", str(config)]
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root), "XDG_STATE_HOME": str(root / "state")}
        self.log = root / "log"
        with self.log.open("ab") as log:
            serve = [*self.command, "serve", "--address", f"127.0.0.1:{self.port}"]
            self.process = subprocess.Popen(serve, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"the gateway does not listen: {self.log.read_text()}")

    def usage(self, *arguments: str) -> str:
        ran = subprocess.run([*self.command, "usage", *arguments], env=self.env, capture_output=True, text=True, timeout=30, check=False)
        expect(ran.returncode == 0, f"usage ends with {ran.returncode}: {ran.stderr}")
        return ran.stdout

    def ask_admin(self, query: str) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=30)
        connection.request("GET", f"/admin/usage{query}")
        reply = connection.getresponse()
        body = reply.read()
        expect(reply.status == 200, f"/admin/usage{query}: {reply.status} {body!r}")
        return json.loads(body)


def client(port: int, done: dict[str, float], stop: threading.Event, number: int) -> None:
    """Asks again and again, every other time for a stream; notes when each request had ended."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    count = 0
    while not stop.is_set():
        count += 1
        name = f"ci-{os.getpid()}-{time.monotonic_ns()}-{number}"
        body = json.dumps({"model": "smart", "input": PROMPT, "stream": count % 2 == 0, "delay_ms": 0}).encode()
        head = {"content-type": "application/json", "authorization": f"Bearer {KEY}", "x-request-id": name}
        try:
            connection.request("POST", "/v1/responses", body, head)
            reply = connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException):
            return
        if reply.status != 200:
            expect(False, f"status {reply.status}: {text[:200]!r}")
            return
        done[name] = time.monotonic()


def load(gateway: Gateway, seconds: float) -> tuple[dict[str, float], threading.Event, list[threading.Thread]]:
    done: dict[str, float] = {}
    stop = threading.Event()
    threads = [threading.Thread(target=client, args=(gateway.port, done, stop, number)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    return done, stop, threads


def rows(database: Path) -> list[str]:
    connection = sqlite3.connect(database)
    check = connection.execute("PRAGMA integrity_check").fetchone()[0]
    expect(check == "ok", f"the file is not whole: {check}")
    found = [row[0] for row in connection.execute("SELECT request_id FROM usage")]
    connection.close()
    return found


def killed(binary: str, root: Path) -> None:
    database = root / "state/llmgw/store.sqlite"
    before: set[str] = set()
    for turn in range(3):
        gateway = Gateway(binary, root)
        done, stop, threads = load(gateway, 2.0 + 0.37 * turn)
        at = time.monotonic()
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait()
        stop.set()
        for thread in threads:
            thread.join()
        found = rows(database)
        expect(len(found) == len(set(found)), "a request stands twice")
        expect(before <= set(found), "what had been written is gone")
        lost = {name: at - ended for name, ended in done.items() if name not in set(found)}
        late = {name: age for name, age in lost.items() if age > 1}
        expect(len(done) > 50, f"only {len(done)} requests ended")
        expect(not late, f"{len(late)} lost that ended over a second before, the oldest {max(late.values(), default=0):.2f} s")
        oldest = max(lost.values(), default=0)
        print(f"ok   killed: {len(done)} ended, {len(lost)} lost, the oldest {oldest * 1000:.0f} ms before")
        before = set(found)
        text = database.read_bytes() + b"".join(path.read_bytes() for path in database.parent.glob("store.sqlite-wal"))
        expect(PROMPT.encode() not in text and KEY.encode() not in text, "a prompt or a key is in the file")


def books(binary: str, root: Path) -> None:
    gateway = Gateway(binary, root)
    done, stop, threads = load(gateway, 1.0)
    stop.set()
    for thread in threads:
        thread.join()
    told = gateway.ask_admin("?since=1h&by=model")
    report = json.loads(gateway.usage("-j", "--since", "1h"))
    expect(told["rows"] == report["rows"] and told["total"] == report["total"], "the command and the listener disagree")
    count = len(rows(root / "state/llmgw/store.sqlite"))
    total = report["total"]
    expect(total["requests"] == count >= len(done), f"{total['requests']} requests, {count} rows")
    expect(abs(total["cost_usd"] - (total["input"] * 1 + total["output"] * 2) / 1e6) < 1e-9, f"cost {total}")
    for by, name in (("model", "demo/demo"), ("key", "ci"), ("route", "smart")):
        cells = [line.split("\t") for line in gateway.usage("--by", by).splitlines()]
        expect([(row[0], int(row[1])) for row in cells] == [(name, count)], f"--by {by}: {cells}")
    expect(len(gateway.usage("--by", "day").splitlines()) in (1, 2), "one day, or two at midnight")
    begun = time.time()
    gateway.process.send_signal(signal.SIGTERM)
    expect(gateway.process.wait(30) == 0 and time.time() - begun < 10, "it ends well")
    print(f"ok   the books agree over {count} requests")


def locked(binary: str, root: Path) -> None:
    gateway = Gateway(binary, root)
    done, stop, threads = load(gateway, 1.0)
    lock = sqlite3.connect(root / "state/llmgw/store.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    at = time.monotonic()
    time.sleep(3.5)
    meanwhile = [ended for ended in done.values() if ended > at + 0.5]
    expect(len(meanwhile) > 50, f"only {len(meanwhile)} answers while the database was locked")
    lock.execute("ROLLBACK")
    lock.close()
    stop.set()
    for thread in threads:
        thread.join()
    gateway.process.send_signal(signal.SIGTERM)
    gateway.process.wait(30)
    missing = set(done) - set(rows(root / "state/llmgw/store.sqlite"))
    expect(not missing, f"{len(missing)} requests are missing after the lock")
    expect("usage cannot be recorded" in gateway.log.read_text(), "the lock is warned of")
    print(f"ok   locked: {len(meanwhile)} answers meanwhile, all {len(done)} in the ledger at last")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="llmgw-ci-") as folder:
        killed(sys.argv[1], Path(folder))
        books(sys.argv[1], Path(folder))
    with tempfile.TemporaryDirectory(prefix="llmgw-ci-") as folder:
        locked(sys.argv[1], Path(folder))
    if failures:
        sys.exit(f"{len(failures)} misses")


main()
