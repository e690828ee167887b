"""What holds under load: nothing is lost, nothing grows, nothing that runs is disturbed.

    python3 load.py BINARY [--requests N]

Ten thousand requests at concurrency 64 over flapping upstreams; a thousand reloads while streams run; SIGTERM with two
hundred open streams. Talks to loopback alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from gateway import Gateway, free_port  # noqa: E402

CONFIG = """
server: {{ admin: "127.0.0.1:{admin}" }}
providers:
  a: {{ type: openai-compatible, base_url: "http://127.0.0.1:{port}/a/v1" }}
  b: {{ type: openai-compatible, base_url: "http://127.0.0.1:{port}/b/v1" }}
models:
  m: {{ targets: [a/x, b/y] }}
  gen-{generation}: {{ targets: [m] }}
defaults:
  breaker: {{ open: 200ms, open_max: 400ms }}
  retry: {{ attempts: 2, base: 20ms }}
store: {{ kind: none }}
log: {{ level: warn, format: json }}
"""
CONCURRENCY = 64
# A heap of a few megabytes more after ten thousand requests is the allocator's; a leak of a kilobyte each is not.
MOST_GROWTH = 8 * 2**20


class Upstream:
    """The upstream, in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "upstream.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    async def get(self, path: str) -> dict:
        status, _, body = await Client(self.port).ask("GET", path)
        assert status == 200, (path, status)
        return json.loads(body)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)


class Client:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.port, self.reader, self.writer = port, None, None

    async def ask(self, method: str, path: str, body: dict | None = None, on_data=None) -> tuple[int, dict[str, str], bytes]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        self.writer.write(head.encode() + data)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
        if headers.get("transfer-encoding") != "chunked":
            return status, headers, await self.reader.readexactly(int(headers.get("content-length", 0)))
        got = bytearray()
        while size := int(await self.reader.readline(), 16):
            got += (await self.reader.readexactly(size + 2))[:-2]
            if on_data is not None:
                on_data(got)
        await self.reader.readline()
        return status, headers, bytes(got)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


@dataclass
class Books:
    """What the clients saw."""

    answered: int = 0
    refused: Counter = field(default_factory=Counter)
    attempts: int = 0
    problems: list[str] = field(default_factory=list)


def text_of(path: str, raw: bytes, streamed: bool) -> tuple[str, bool]:
    """The text of an answer, and whether it says that it is whole."""
    if not streamed:
        body = json.loads(raw)
        if path.endswith("responses"):
            return body["output"][0]["content"][0]["text"], body["status"] == "completed"
        return body["choices"][0]["message"]["content"], body["choices"][0]["finish_reason"] == "stop"
    text, done = "", False
    for line in raw.decode().split("\n"):
        if not line.startswith("data: {"):
            continue
        event = json.loads(line[6:])
        if path.endswith("responses"):
            if event["type"] == "response.output_text.delta":
                text += event["delta"]
            done = done or event["type"] == "response.completed"
        elif event.get("choices"):
            text += event["choices"][0]["delta"].get("content") or ""
            done = done or event["choices"][0]["finish_reason"] == "stop"
    return text, done and b"data: [DONE]" in raw


def question(number: int, word: str, model: str = "m") -> tuple[str, dict, bool]:
    streamed = number % 2 == 0
    if number % 3 == 0:
        messages = [{"role": "user", "content": f"say {word}"}]
        return "/v1/chat/completions", {"model": model, "messages": messages, "stream": streamed}, streamed
    return "/v1/responses", {"model": model, "input": f"say {word}", "stream": streamed}, streamed


async def worker(port: int, numbers, prefix: str, books: Books) -> None:
    client = Client(port)
    for number in numbers:
        word = f"{prefix}{number}"
        path, body, streamed = question(number, word)
        try:
            status, headers, raw = await client.ask("POST", path, body)
        except (OSError, asyncio.IncompleteReadError) as error:
            books.problems.append(f"{word}: the connection broke: {error!r}")
            client.close()
            continue
        books.attempts += int(headers.get("x-llmgw-attempts", 0))
        if status == 200:
            text, done = text_of(path, raw, streamed)
            books.answered += 1
            if text != f"answer {word}" or not done:
                books.problems.append(f"{word}: {text!r}, whole: {done}")
        else:
            books.refused[status] += 1
            if status != 503 or "retry-after" not in headers and "down" not in raw.decode():
                books.problems.append(f"{word}: HTTP {status}: {raw[:200]!r}")
            # As a client that was told to come back later.
            await asyncio.sleep(0.1)
    client.close()


async def run(port: int, count: int, prefix: str) -> Books:
    books, numbers = Books(), iter(range(count))
    await asyncio.gather(*(worker(port, numbers, prefix, books) for _ in range(CONCURRENCY)))
    return books


def resident(gateway: Gateway) -> int:
    for line in Path(f"/proc/{gateway.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def threads(gateway: Gateway) -> int:
    return len(os.listdir(f"/proc/{gateway.process.pid}/task"))


async def health(admin: int) -> dict[str, str]:
    """What the gateway thinks of each target: the reasons of its plan."""
    _, _, raw = await Client(admin).ask("POST", "/admin/explain", {"model": "m", "input": "hi"})
    return {one["target"]: " ".join(one["reasons"]) for one in json.loads(raw)["candidates"]}


def is_resting(reasons: str) -> bool:
    """Left alone, or due for a probe."""
    return "failing" in reasons or "probe" in reasons


async def flapping(gateway: Gateway, admin: int, upstream: Upstream, count: int) -> list[str]:
    await upstream.get("/set?a=up&b=up")
    await run(gateway.port, count // 4, "warm")
    await asyncio.sleep(0.3)
    memory, tasks, files = resident(gateway), threads(gateway), gateway.open_sockets()
    before = await upstream.get("/stats")
    await upstream.get("/set?a=flap&b=flap")
    started = time.monotonic()
    books = await run(gateway.port, count, "w")
    took = time.monotonic() - started
    stats = await upstream.get("/stats")
    problems = books.problems[:5]
    asked = sum(stats["asked"].values()) - sum(before["asked"].values())
    served = sum(stats["served"].values()) - sum(before["served"].values())
    seen = books.answered + sum(books.refused.values())
    if seen != count:
        problems.append(f"{seen} of {count} requests came to an end")
    if books.attempts != asked:
        problems.append(f"the clients were told of {books.attempts} attempts, the upstreams saw {asked}")
    if served != books.answered or stats["twice"]:
        problems.append(f"{served} answers were made for {books.answered}; {stats['twice']} were made twice")
    if books.answered < count // 2:
        problems.append(f"only {books.answered} of {count} were answered")
    problems += await agreement(gateway, admin, upstream)
    for _ in range(50):
        if gateway.open_sockets() <= files:
            break
        await asyncio.sleep(0.1)
    growth = resident(gateway) - memory
    if growth > MOST_GROWTH:
        problems.append(f"resident memory grew by {growth / 2**20:.1f} MiB")
    if threads(gateway) > tasks:
        problems.append(f"{threads(gateway)} threads where there were {tasks}")
    if gateway.open_sockets() > files:
        problems.append(f"{gateway.open_sockets()} open sockets where there were {files}")
    refused = dict(books.refused)
    print(f"flapping: {count} requests in {took:.1f} s, {books.answered} answered, refused {refused}, {asked} upstream requests, memory {growth / 2**20:+.1f} MiB")
    return [f"flapping: {problem}" for problem in problems]


async def agreement(gateway: Gateway, admin: int, upstream: Upstream) -> list[str]:
    """The breaker says of each target what the upstream is."""
    problems = []
    await upstream.get("/set?a=down&b=up")
    await asyncio.sleep(0.5)
    await run(gateway.port, 100, "down")
    said = await health(admin)
    if not is_resting(said["a/x"]) or is_resting(said["b/y"]):
        problems.append(f"a is down, b is up, and the gateway says {said}")
    before = await upstream.get("/stats")
    started = time.monotonic()
    await run(gateway.port, 500, "dead")
    probes = (await upstream.get("/stats"))["asked"]["a"] - before["asked"]["a"]
    # A probe each 200 ms at most, and one that was due.
    if probes > (time.monotonic() - started) / 0.2 + 2:
        problems.append(f"a dead target was asked {probes} times in {time.monotonic() - started:.1f} s")
    await upstream.get("/set?a=up&b=up")
    await asyncio.sleep(0.6)
    await run(gateway.port, 100, "up")
    said = await health(admin)
    if any(is_resting(reasons) for reasons in said.values()):
        problems.append(f"all are up again, and the gateway says {said}")
    before = await upstream.get("/stats")
    await run(gateway.port, 200, "again")
    after = await upstream.get("/stats")
    if (after["asked"]["a"] - before["asked"]["a"], after["asked"]["b"] - before["asked"]["b"]) != (200, 0):
        problems.append(f"the first target is up again, and is not asked: {before} {after}")
    return problems


@dataclass
class Stream:
    """One long answer."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    problem: str | None = None

    async def hear(self, port: int, number: int) -> None:
        word = f"long{number}"

        def heard(_: bytearray) -> None:
            self.begun.set()

        path, body, _ = question(number * 2, word)
        client = Client(port)
        try:
            status, _, raw = await client.ask("POST", path, body, heard)
            text, done = text_of(path, raw, True) if status == 200 else (raw[:200], False)
        except (OSError, asyncio.IncompleteReadError) as error:
            text, done = f"broke off: {error!r}", False
        self.begun.set()
        ticks = str(text).count(" ")
        if not done or text != " ".join([f"{word}:0", *(str(tick) for tick in range(1, ticks + 1))]):
            self.problem = f"{word}: whole: {done}, {str(text)[-80:]!r}"
        client.close()


async def open_streams(gateway: Gateway, upstream: Upstream, count: int) -> tuple[list[Stream], list[asyncio.Task]]:
    await upstream.get("/set?a=up&b=up&hold=1")
    streams = [Stream() for _ in range(count)]
    tasks = [asyncio.create_task(stream.hear(gateway.port, at)) for at, stream in enumerate(streams)]
    await asyncio.wait_for(asyncio.gather(*(stream.begun.wait() for stream in streams)), 30)
    return streams, tasks


async def until(what: str, is_so, seconds: float = 5) -> str | None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if await is_so():
            return None
        await asyncio.sleep(0.001)
    return f"not within {seconds} s: {what}"


async def reloads(gateway: Gateway, admin: int, upstream: Upstream, count: int) -> list[str]:
    path = Path(gateway.folder.name) / "config.yaml"
    streams, tasks = await open_streams(gateway, upstream, 50)
    client = Client(gateway.port)

    async def names() -> bytes:
        return (await client.ask("GET", "/v1/models"))[2]

    async def ready() -> bytes:
        return (await client.ask("GET", "/readyz"))[2]

    def write(text: str) -> None:
        other = path.with_suffix(".new")
        other.write_text(text)
        other.rename(path)
        gateway.process.send_signal(signal.SIGHUP)

    problems: list[str | None] = []
    started, generation = time.monotonic(), 0
    for number in range(1, count + 1):
        if number % 10 == 0:
            write(CONFIG.format(port=upstream.port, admin=admin, generation=number).replace("targets", f"tragets{number}", 1))

            async def is_told() -> bool:
                return f"tragets{number}".encode() in await ready()

            problems.append(await until(f"/readyz tells of broken file {number}", is_told))
            listed = await names()
            if f'"gen-{generation}"'.encode() not in listed or f'"gen-{number}"'.encode() in listed:
                problems.append(f"the broken file {number} has taken effect")
        else:
            generation = number
            write(CONFIG.format(port=upstream.port, admin=admin, generation=generation))

            async def is_new() -> bool:
                return f'"gen-{generation}"'.encode() in await names()

            problems.append(await until(f"file {number} takes effect", is_new))
        if number % 50 == 0:
            status, _, raw = await client.ask("POST", "/v1/responses", {"model": f"gen-{generation}", "input": f"say r{number}"})
            if status != 200 or f"answer r{number}".encode() not in raw:
                problems.append(f"after file {number}: HTTP {status} {raw[:100]!r}")
        if len([problem for problem in problems if problem]) > 5:
            break
    took = time.monotonic() - started
    await upstream.get("/set?hold=0")
    await asyncio.wait_for(asyncio.gather(*tasks), 30)
    problems += [stream.problem for stream in streams]
    whole = sum(1 for stream in streams if stream.problem is None)
    print(f"reloads: {count} in {took:.1f} s, one in ten of them broken; {whole} of {len(streams)} streams whole")
    return [f"reloads: {problem}" for problem in problems if problem][:8]


async def termination(gateway: Gateway, upstream: Upstream, count: int) -> list[str]:
    streams, tasks = await open_streams(gateway, upstream, count)
    gateway.process.send_signal(signal.SIGTERM)
    problems: list[str | None] = []

    async def is_refused() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        except ConnectionError:
            # Refused, or reset: in the kernel's queue at the moment the listener was closed.
            return True
        writer.close()
        return False

    problems.append(await until("a new connection is refused", is_refused, 2))
    await asyncio.sleep(0.5)
    if gateway.process.poll() is not None or any(task.done() for task in tasks):
        problems.append("it ended before its streams")
    await upstream.get("/set?hold=0")
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    ended = time.monotonic()
    problems += [stream.problem for stream in streams]
    whole = sum(1 for stream in streams if stream.problem is None)
    try:
        code = await asyncio.to_thread(gateway.process.wait, 20)
    except subprocess.TimeoutExpired:
        code = None
    after = time.monotonic() - ended
    if code != 0 or after > 2:
        problems.append(f"it ended with {code}, {after:.1f} s after the last stream")
    print(f"SIGTERM: {whole} of {count} streams whole, a new connection refused, gone {after:.1f} s after the last")
    return [f"SIGTERM: {problem}" for problem in problems if problem][:8]


async def check(binary: str, requests: int) -> list[str]:
    upstream, admin = Upstream(), free_port()
    problems = []
    try:
        with Gateway(binary, CONFIG.format(port=upstream.port, admin=admin, generation=0)) as gateway:
            problems += await flapping(gateway, admin, upstream, requests)
            problems += await reloads(gateway, admin, upstream, max(requests // 10, 20))
            problems += await termination(gateway, upstream, 200)
            problems += [f"panic: {line}" for line in gateway.panics()]
    finally:
        upstream.stop()
    return problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    started = time.monotonic()
    problems = asyncio.run(check(os.path.abspath(options.binary), options.requests))
    for problem in problems:
        print(f"FAIL {problem[:400]}")
    print(f"load: {len(problems)} failures, {time.monotonic() - started:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
