"""Every way in which an upstream may break, at every protocol, whole and streamed; and two hundred random ones.

    python3 faults.py BINARY [-k WORD] [--seed N]

An answer is never `completed` with anything missing; every failure has the right class and comes in bounded time; the
gateway neither panics nor hangs nor leaks a connection, and answers afterwards as before.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import concurrent.futures
import http.client
import itertools
import json
import os
import random
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import stream as streams  # noqa: E402
from dialects import ARGUMENTS, DIALECTS, TEXT, TOOLS, sse  # noqa: E402
from gateway import Answer, Gateway, free_port  # noqa: E402
from upstream import Script, Upstream, Wire, half, zipped  # noqa: E402

CONFIG = """
providers:
  openai:    {{ api_key: "sk-fault-openai", base_url: "http://127.0.0.1:{port}/v1" }}
  anthropic: {{ api_key: "sk-fault-anthropic", base_url: "http://127.0.0.1:{port}" }}
  google:    {{ api_key: "fault-google", base_url: "http://127.0.0.1:{port}" }}
  lab:       {{ type: openai-compatible, api_key: "fault-lab", base_url: "http://127.0.0.1:{port}/v1" }}
defaults:
  timeouts: {{ connect: 1s, first_token: 2s, idle: 1s, total: 5s }}
  retry:    {{ attempts: 1 }}
  breaker:  {{ min_requests: 1000000, consecutive: 1000000 }}
log: {{ level: info, format: json }}
"""
SSE = "text/event-stream"
CHUNKED = "transfer-encoding: chunked"
GONE = ("upstream_unreachable",)
CUT = ("upstream_stream_interrupted", "upstream_malformed", "upstream_unreachable")
GARBLED = ("upstream_malformed", "upstream_error", "upstream_stream_interrupted")
LATE = ("upstream_timeout",)
FAILED = ("upstream_error", "overloaded", "server_error", "api_error", "internal_error_upstream")
LARGE = ("upstream_too_large",)
SOUND = "sound"  # in place of codes: the answer must be whole
EITHER = "either"  # whole, or a failure of any class


@dataclass
class Case:
    """One fault at one protocol in one delivery."""

    name: str
    dialect: type
    streamed: bool
    script: Script | None
    codes: tuple[str, ...] | str
    seconds: float = 7.5
    number: int = 0


def frames_then(dialect: type, streamed: bool, end: str) -> Script:
    """The first half of a good reply, then `end`."""

    async def script(wire: Wire) -> None:
        if streamed:
            await wire.head("200 OK", SSE, CHUNKED)
            frames = dialect.frames(dialect.model)
            for frame in frames[: len(frames) // 2]:
                await wire.chunk(frame)
        else:
            data = json.dumps(dialect.whole(dialect.model)).encode()
            await wire.head("200 OK", "application/json", f"content-length: {len(data)}")
            await wire.raw(half(data))
        if end == "reset":
            await asyncio.sleep(0.05)
            wire.reset()
        elif end == "stall":
            await wire.silence()
        elif end == "end" and streamed:
            await wire.last_chunk()

    return script


def says(data: bytes, status: str = "200 OK", media: str = "application/json", *more: str) -> Script:
    async def script(wire: Wire) -> None:
        await wire.body(data, status, media, *more)

    return script


def streams_out(frames: list[bytes], *more: str, end: bool = True) -> Script:
    async def script(wire: Wire) -> None:
        await wire.head("200 OK", SSE, CHUNKED, *more)
        for frame in frames:
            await wire.chunk(frame)
        if end:
            await wire.last_chunk()

    return script


async def reset_before_headers(wire: Wire) -> None:
    wire.reset()


async def close_before_headers(_: Wire) -> None:
    pass


async def no_headers(wire: Wire) -> None:
    await wire.silence()


async def slow_headers(wire: Wire) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nx-slow: " + b"y" * 200:
        await wire.raw(bytes([byte]))
        await asyncio.sleep(0.1)


async def no_http(wire: Wire) -> None:
    await wire.raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def pings_for_ever(wire: Wire) -> None:
    await wire.head("200 OK", SSE, CHUNKED)
    for _ in range(200):
        await wire.chunk(b": ping\n\n")
        await asyncio.sleep(0.2)


async def error_without_end(wire: Wire) -> None:
    await wire.head("500 Internal Server Error", "application/json", "content-length: 1000")
    await wire.raw(b'{"error": {')
    await wire.silence()


def one_byte_at_a_time(data: bytes, media: str) -> Script:
    async def script(wire: Wire) -> None:
        await wire.head("200 OK", media, CHUNKED)
        for at in range(0, len(data), 3):
            await wire.chunk(data[at : at + 3])
        await wire.last_chunk()

    return script


def huge_body(prefix: bytes, size: int, media: str) -> Script:
    async def script(wire: Wire) -> None:
        await wire.head("200 OK", media, CHUNKED)
        await wire.chunk(prefix)
        block = b"x" * 2**20
        for _ in range(size):
            await wire.chunk(block)
        await wire.silence()

    return script


HTML = b"<!DOCTYPE html><html><head><title>Welcome to nginx</title></head><body>oops</body></html>"


def faults_of(dialect: type, streamed: bool) -> list[tuple]:
    """Name, script, codes, and seconds where they differ: for both deliveries, then for the one."""
    late = 3.5 if streamed else 6.5
    both = [
        ("reset before headers", reset_before_headers, GONE),
        ("close before headers", close_before_headers, GONE),
        ("no headers", no_headers, LATE, late),
        ("slow headers", slow_headers, LATE, late),
        ("no HTTP", no_http, (*GONE, *CUT)),
        ("reset in the middle", frames_then(dialect, streamed, "reset"), CUT),
        ("stall in the middle", frames_then(dialect, streamed, "stall"), LATE, late),
        ("ends in the middle", frames_then(dialect, streamed, "end"), CUT),
        ("connection closed in the middle", frames_then(dialect, streamed, "close"), CUT),
        ("HTML with 200", says(HTML, "200 OK", "text/html"), GARBLED),
        ("HTML with 502", says(HTML, "502 Bad Gateway", "text/html"), FAILED),
        ("error status", says(json.dumps(dialect.error(500)).encode(), "500 Internal Server Error"), FAILED),
        ("error status without body", says(b"", "503 Service Unavailable"), FAILED),
        ("error status whose body never ends", error_without_end, (*FAILED, *LATE, *CUT), 6.5),
        ("empty body", says(b"", "200 OK", SSE if streamed else "application/json"), GARBLED),
        ("no content", says(b"", "204 No Content"), GARBLED),
        ("redirect", says(b"", "302 Found", "text/html", "location: http://127.0.0.1:1/"), (*GARBLED, *GONE)),
        ("unknown encoding", says(b"\x28\xb5\x2f\xfd nonsense", "200 OK", "application/json", "content-encoding: zstd"), GARBLED),
        ("deeply nested JSON", says(sse("[" * 100_000) if streamed else b"[" * 100_000, "200 OK", SSE if streamed else "application/json"), GARBLED),
    ]
    good = dialect.frames(dialect.model)
    if not streamed:
        data = json.dumps(dialect.whole(dialect.model), ensure_ascii=False).encode()
        return both + [
            ("good", says(data), SOUND),
            ("good, in bits", one_byte_at_a_time(data, "application/json"), SOUND),
            ("good, gzip", says(zipped(data), "200 OK", "application/json", "content-encoding: gzip"), SOUND),
            ("truncated gzip", says(half(zipped(data)), "200 OK", "application/json", "content-encoding: gzip"), CUT),
            ("bad JSON", says(data[:-2]), GARBLED),
            ("bad UTF-8", says(data.replace("ß".encode(), b"\xc3")), GARBLED),
            ("error with 200", says(json.dumps(dialect.error(500)).encode()), (*FAILED, *GARBLED, "model_error")),
            ("wrong content type", says(data, "200 OK", "text/plain"), EITHER),
            ("a stream for an answer", says(b"".join(good), "200 OK", SSE), EITHER),
            ("endless body", huge_body(b"[\"", 72, "application/json"), (*LARGE, *LATE), 15),
        ]
    middle = len(good) // 2
    bad = good[middle].replace(b"}", b"", 1)
    text_at = next(at for at, frame in enumerate(good) if "東京".encode() in frame)
    garbled = [frame.replace("東".encode(), b"\xe6\x9d") if at == text_at else frame for at, frame in enumerate(good)]
    ends = {"openai": 1, "anthropic": 2, "google": 1, "lab": 3}[dialect.name]
    return both + [
        ("good", streams_out(good), SOUND),
        ("good, in bits", one_byte_at_a_time(b"".join(good), SSE), SOUND),
        ("good, gzip", says(zipped(b"".join(good)), "200 OK", SSE, "content-encoding: gzip"), SOUND),
        ("good, with CRLF", streams_out([frame.replace(b"\n", b"\r\n") for frame in good]), SOUND),
        ("good, never closed", streams_out(good, end=False), EITHER),
        ("truncated gzip", says(half(zipped(b"".join(good))), "200 OK", SSE, "content-encoding: gzip"), CUT),
        ("bad JSON", streams_out(good[:middle] + [bad] + good[middle + 1 :]), GARBLED),
        ("bad UTF-8", streams_out(garbled), GARBLED),
        ("error first", streams_out([dialect.error_frame()]), (*FAILED, *GARBLED, "model_error")),
        ("error after the opening", streams_out(good[:1] + [dialect.error_frame()]), (*FAILED, *GARBLED, "model_error")),
        ("error in the middle", streams_out(good[:middle] + [dialect.error_frame()]), (*FAILED, *GARBLED, "model_error")),
        ("no terminal event", streams_out(good[:-ends]), CUT),
        ("HTML in the stream", streams_out(good[:middle] + [b"data: <html>oops</html>\n\n"]), GARBLED),
        ("chunks cut", streams_out(good[:-ends], end=False), CUT),
        ("wrong content type", says(b"".join(good), "200 OK", "text/plain"), EITHER),
        ("an answer for a stream", says(json.dumps(dialect.whole(dialect.model)).encode()), EITHER),
        ("pings for ever", pings_for_ever, LATE, 3.5),
        ("huge frame", huge_body(b"data: {\"x\":\"", 18, SSE), (*LARGE, *LATE), 10),
        ("no frames but bytes", streams_out([b"\x00\xff" * 500] * 3), GARBLED),
    ]


def random_fault(rng: random.Random, dialect: type, streamed: bool) -> tuple[str, Script]:
    """Cuts or garbles a good reply at a random byte."""
    data = b"".join(dialect.frames(dialect.model)) if streamed else json.dumps(dialect.whole(dialect.model), ensure_ascii=False).encode()
    at = rng.randrange(1, len(data))
    kind = rng.choice(["reset", "close", "end", "garble"])
    media = SSE if streamed else "application/json"
    framing = rng.choice([CHUNKED, "x-framing: until the connection closes"])
    if kind == "garble":
        # Inside a payload: a field name that is none is ignored by every reader of SSE, and nobody could know.
        spans = [match.span(1) for match in re.finditer(rb"data: (.+)\n", data)] if streamed else [(0, len(data))]
        at = rng.choice([place for span in spans for place in range(*span)])
        garbled_at, data = at, data[:at] + b"\xff\xfe\x00" + data[at + 1 :]
        at = len(data)

    async def script(wire: Wire) -> None:
        await wire.head("200 OK", media, framing)
        put = wire.chunk if framing == CHUNKED else wire.raw
        position = 0
        while position < at:
            step = min(rng.randrange(1, 400), at - position)
            await put(data[position : position + step])
            position += step
        if kind == "reset":
            await asyncio.sleep(0.02)
            wire.reset()
        elif kind in ("end", "garble") and framing == CHUNKED:
            await wire.last_chunk()

    place = garbled_at if kind == "garble" else at
    return f"random: {kind} at {place} of {len(data)}, {framing}", script


def judge(case: Case, answer: Answer, took: float) -> list[str]:
    """What is wrong with what the client saw."""
    problems = [] if took <= case.seconds else [f"took {took:.1f} s"]
    response = answer.response
    if answer.stream is not None:
        problems += streams.Grammar().check(answer.stream)
    status = response["status"] if response else None
    if status == "completed":
        called = [json.loads(call["arguments"]) for call in streams.calls(response)]
        whole = (streams.text(response), called) == (TEXT, [json.loads(ARGUMENTS)])
        if not whole:
            problems.append(f"completed with something missing: {streams.text(response)[-60:]!r} {called}")
        if case.codes not in (SOUND, EITHER) and not case.name.startswith("random"):
            problems.append("completed")
        return problems
    if case.codes == SOUND:
        problems.append(f"HTTP {answer.status}, status {status}: {answer.error}")
    if answer.status == 200 and status != "failed":
        problems.append(f"ended as {status}")
    if answer.status == 200 and answer.stream is None:
        problems.append("a whole answer that failed came with 200")
    if answer.status != 200 and answer.status < 500:
        problems.append(f"HTTP {answer.status}: the client is not to blame")
    code = answer.error.get("code")
    if isinstance(case.codes, tuple) and code not in case.codes:
        problems.append(f"code {code} where {case.codes} was right: {answer.error.get('message')}")
    if "<html" in json.dumps(answer.error):
        problems.append("HTML in the error")
    return problems


def drive(gateway: Gateway, case: Case) -> list[str]:
    body = {"model": f"{case.dialect.name}/{case.dialect.model}-f{case.number}f", "input": "go", "tools": TOOLS, "stream": case.streamed}
    started = time.monotonic()
    try:
        answer = gateway.post(body, timeout=case.seconds + 15)
    except (OSError, http.client.HTTPException, RecursionError) as error:
        return [f"the reply broke off after {time.monotonic() - started:.1f} s: {error!r}"]
    try:
        return judge(case, answer, time.monotonic() - started)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return [f"a reply that cannot be read: {error!r}: {answer.raw[:200]!r}"]


def all_cases(word: str, seed: int) -> list[Case]:
    cases = []
    for dialect in DIALECTS:
        for streamed in (False, True):
            for name, script, codes, *seconds in faults_of(dialect, streamed):
                cases.append(Case(name, dialect, streamed, script, codes, *seconds))
    rng = random.Random(seed)
    for at in range(200):
        dialect, streamed = DIALECTS[at % 4], rng.random() < 0.8
        name, script = random_fault(random.Random(rng.random()), dialect, streamed)
        cases.append(Case(name, dialect, streamed, script, EITHER))
    return [case for case in cases if word in case.name]


def settled(gateway: Gateway, base: int) -> int:
    """How many sockets are open above the base, once they have had time to close."""
    for _ in range(60):
        if gateway.open_sockets() <= base:
            return 0
        time.sleep(0.1)
    return gateway.open_sockets() - base


def refused_connections(binary: str) -> list[tuple[Case, list[str]]]:
    """Nobody listens."""
    with Gateway(binary, CONFIG.format(port=free_port())) as gateway:
        cases = [Case("connection refused", dialect, streamed, None, GONE, 2.5) for dialect in DIALECTS for streamed in (False, True)]
        return [(case, drive(gateway, case)) for case in cases]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("-k", default="", help="only faults whose name holds this")
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    started = time.time()
    upstream = Upstream()
    results: list[tuple[Case, list[str]]] = []
    verdict: list[str] = []
    with Gateway(os.path.abspath(options.binary), CONFIG.format(port=upstream.port)) as gateway:
        numbers = itertools.count(1)

        def run(case: Case) -> tuple[Case, list[str]]:
            case.number = next(numbers)
            upstream.scripts[case.number] = case.script
            return case, drive(gateway, case)

        good = lambda: [run(case)[1] for case in all_cases("good", options.seed) if case.name == "good"]  # noqa: E731
        good()
        time.sleep(0.3)
        base = gateway.open_sockets()
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            results = list(pool.map(run, all_cases(options.k, options.seed)))
        verdict += [f"afterwards: {problem}" for problems in good() for problem in problems]
        upstream.stop()
        left = settled(gateway, base)
        if left:
            verdict.append(f"{left} connections leaked")
        verdict += [f"panic: {line}" for line in gateway.panics()] + upstream.faults
        if gateway.process.poll() is not None:
            verdict.append(f"the gateway ended with {gateway.process.returncode}")
    if options.k in "connection refused":
        results += refused_connections(os.path.abspath(options.binary))
    for case, problems in results:
        for problem in problems[:6]:
            print(f"FAIL {case.dialect.name} {'streamed' if case.streamed else 'whole'} [{case.name}] {problem[:300]}")
    for problem in verdict[:40]:
        print(f"FAIL {problem[:300]}")
    kinds = collections.Counter("bad" if problems else "good" for _, problems in results)
    print(f"{len(results)} faults, {kinds['bad'] + len(verdict)} failures, {time.time() - started:.0f} s")
    return 1 if kinds["bad"] or verdict or not results else 0


if __name__ == "__main__":
    sys.exit(main())
