"""The books balance: books.py BINARY SIMULATOR [REQUESTS].

A thousand mixed requests (whole, streamed, failed over, cut, cut and rescued, given up by their client) through every
door to all providers of the simulator. Then the sums of tokens and of money in the log, in the metrics, in the ledger
(its file, `llmgw usage` and `GET /admin/usage`) and in the simulator's own books must be equal, to the last digit, in all
and for each provider; and what a client was told of its own request must be what the log has of it. Runs in the
simulator's virtual environment, which `books.sh` makes."""

from __future__ import annotations

import collections
import concurrent.futures
import json
import random
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from accounts import KINDS, astray, from_file, from_log, from_metrics, from_report, from_simulator  # noqa: E402
from gateway import Answer, Gateway, free_port  # noqa: E402

MODELS = ["openai/gpt-6-luna", "anthropic/claude-haiku-4-5", "google/gemini-3.8-flash", "lab/gpt-4.1"]
# The seat of this one is cut as often as the simulator is told to, and whole when it is asked again.
MENDS_ITSELF = "lab/gpt-4.1-mini"
CUTS = ["early-eof:6", "early-eof:9", "midstream-error:7"]

CONFIG = """
server: {{ admin: "127.0.0.1:{admin}", allow_anonymous: true }}
providers:
  openai:    {{ api_key: "key-of-openai", base_url: "http://127.0.0.1:{up}/v1" }}
  anthropic: {{ api_key: "key-of-anthropic", base_url: "http://127.0.0.1:{up}" }}
  google:    {{ api_key: "key-of-google", base_url: "http://127.0.0.1:{up}" }}
  lab:       {{ type: openai-compatible, api_key: "key-of-lab", base_url: "http://127.0.0.1:{up}/v1" }}
models:
{aliases}
defaults: {{ retry: {{ attempts: 2, base: 5ms, max: 10ms }}, breaker: {{ min_requests: 1000000, consecutive: 1000000 }} }}
store: {{ kind: sqlite }}
prices: {{ "lab/*": {{ input: 3, cached_input: 0.3, cache_write: 3.75, output: 12 }} }}
"""


def aliases() -> str:
    """Routes that fail over, and routes whose answers break and are gone on with."""
    lines = []
    for n, model in enumerate(MODELS):
        other = MODELS[(n + 1) % len(MODELS)]
        lines.append(f"  over-{n}: {{ targets: [openai/gpt-4o+error:503, {other}+error:500, {model}] }}")
        for k, cut in enumerate(CUTS):
            lines.append(f"  mend-{n}-{k}: {{ targets: ['{model}+{cut}', {other}], on_cut: continue }}")
        lines.append(f"  lost-{n}: {{ targets: [{model}, {other}], on_cut: continue }}")
    lines.append(f"  mend-same: {{ targets: [{MENDS_ITSELF}], on_cut: continue }}")
    return "\n".join(lines)


def body(door: str, model: str, text: str, streamed: bool, stored: bool) -> dict:
    common = {"model": model, "stream": streamed}
    if door == "/v1/responses":
        return {**common, "input": text, "store": stored}
    return {**common, "messages": [{"role": "user", "content": text}], "max_tokens": 400}


def drive(gateway: Gateway, number: int) -> tuple[str, Answer | None]:
    """One request; what it was meant to meet, and what its client got."""
    chance = random.Random(number)
    model = MODELS[number % len(MODELS)]
    door = chance.choice(["/v1/responses", "/v1/responses", "/v1/chat/completions", "/v1/messages"])
    text = f"say {number} [[words:{chance.randint(9, 60)}]]" + chance.choice(["", " [[cache]]", " [[cache-write]]", " [[think]]"])
    kind = chance.choice(["whole", "whole", "stream", "stream", "failover", "retry", "cut", "gone", "refused", "rescued", "rescued", "rescued itself", "lost"])
    streamed, stored = chance.random() < 0.6, chance.random() < 0.3
    match kind:
        case "failover":
            model = f"over-{number % len(MODELS)}"
        case "retry":
            text += f" [[fail-first:1:key=k{number}:status=500]]"
        case "cut":
            # A clean end and no reset: what a reset makes of bytes that are under way is for neither side to say.
            text, streamed = f"{text} [[early-eof:{chance.randint(4, 9)}]]", True
        case "rescued":
            model = f"mend-{number % len(MODELS)}-{chance.randrange(len(CUTS))}"
        case "rescued itself":
            model = "mend-same"
        case "lost":
            # Whoever is asked breaks off: nobody goes on to the end.
            model, text = f"lost-{number % len(MODELS)}", f"{text} [[early-eof:{chance.randint(6, 9)}]]"
        case "gone":
            leave(gateway, door, body(door, model, f"{text} [[stall-after:8]]", True, stored))
            return kind, None
        case "refused":
            return kind, gateway.post({"model": model, "input": 7}, door)
        case _:
            streamed = kind == "stream"
    return kind, gateway.post(body(door, model, text, streamed, stored), door)


def leave(gateway: Gateway, door: str, body: dict) -> None:
    """Reads until nothing more comes, and hangs up."""
    data = json.dumps(body).encode()
    head = f"POST {door} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
        client.sendall(head.encode() + data)
        client.settimeout(30)
        try:
            # However slow the machine: what was written before the silence has come by then.
            while client.recv(65536):
                client.settimeout(2)
        except TimeoutError:
            pass


def fetch(port: int, path: str, body: dict | None = None) -> str:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"content-type": "application/json"})
    return urllib.request.urlopen(request, timeout=30).read().decode()


def logged(gateway: Gateway, requests: int) -> list[dict]:
    """The log's lines of requests; the last come when their clients have gone."""
    lines: list[dict] = []
    for _ in range(100):
        whole = gateway.log().rpartition("\n")[0].splitlines()
        read = (json.loads(line, parse_float=Decimal) for line in whole if line.startswith("{"))
        lines = [line for line in read if "outcome" in line]
        if len(lines) >= requests:
            break
        time.sleep(0.1)
    return lines


def main() -> int:
    binary, simulator = sys.argv[1:3]
    requests = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    up, admin = free_port(), free_port()
    sim = subprocess.Popen([sys.executable, str(HERE / "sim.py"), simulator, str(up)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert sim.stdout is not None and sim.stdout.readline() == b"ready\n", "the simulator does not start"
    try:
        fetch(up, "/_sim/script", {"match": {"model": MENDS_ITSELF.split("/")[1]}, "directives": "[[early-eof:7]]", "times": requests // 25})
        with Gateway(binary, CONFIG.format(admin=admin, up=up, aliases=aliases())) as gateway:
            started = time.time()
            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                got = list(pool.map(lambda number: drive(gateway, number), range(requests)))
            seconds = time.time() - started
            lines = logged(gateway, requests)
            books = {"simulator": from_simulator(requests, json.loads(fetch(up, "/_sim/log?limit=100000"))["requests"])}
            for provider in astray(lines):
                for part in ("all", provider):
                    books["simulator"][part]["attempts"] += 1
            books["log"] = from_log(lines)
            books["metrics"] = from_metrics(fetch(admin, "/metrics"))
            books["/admin/usage"] = from_report(json.loads(fetch(admin, "/admin/usage?since=1h"), parse_float=Decimal))
            books["llmgw usage"] = from_report(json.loads(gateway.command("usage", "-j", "--since", "1h"), parse_float=Decimal))
            with sqlite3.connect(gateway.root / "llmgw/store.sqlite") as database:
                books["ledger's file"] = from_file(database)
    finally:
        sim.kill()
    kinds = collections.Counter(kind for kind, _ in got)
    mends = collections.Counter(line["mend"] for line in lines if "mend" in line)
    print(f"{requests} requests in {seconds:.1f} s: {dict(kinds)}")
    print(f"outcomes {dict(collections.Counter(line['outcome'] for line in lines))}, broken answers {dict(mends)}")
    misses = compare(books) + told(got, lines) + estimated(lines)
    least = requests // 25
    if len(astray(lines)) > least:
        misses += 1
        print(f"!! {len(astray(lines))} attempts came to nobody")
    if not books["simulator"]["all"]["cost"] or mends["rescued"] < least or mends["cut"] < least:
        misses += 1
        print("!! nothing cost anything, or hardly an answer was cut or rescued: this run proves nothing")
    return 1 if misses else 0


def compare(books: dict[str, dict[str, dict]]) -> int:
    """Every sum of every book that has it, beside the simulator's."""
    misses = 0
    for part, sums in books["simulator"].items():
        for name, value in sums.items():
            others = {book: found[part][name] for book, found in books.items() if name in found.get(part, {})}
            agree = all(Decimal(other) == Decimal(value) for other in others.values())
            misses += not agree
            if not agree or part == "all":
                print(f"{'' if agree else '!! '}{part:9} {name:11} " + "  ".join(f"{book} {Decimal(other):f}" for book, other in others.items()))
    return misses


def told(got: list[tuple[str, Answer | None]], lines: list[dict]) -> int:
    """What the responses of this gateway's own protocol say of tokens and money, beside the log."""
    by_id = {line["request_id"]: line for line in lines}
    misses = count = 0
    for kind, answer in got:
        response = answer.response if answer else None
        if not response or response.get("object") != "response":
            continue
        count += 1
        line, usage = by_id[answer.headers["x-request-id"]], response.get("usage")
        said = usage and {
            "input": usage["input_tokens"], "cached": usage["input_tokens_details"]["cached_tokens"],
            "cache_write": usage["input_tokens_details"].get("cache_write_tokens", 0),
            "output": usage["output_tokens"], "reasoning": usage["output_tokens_details"]["reasoning_tokens"],
        }
        has = line["tokens"] and {name: line["tokens"][name] for name in KINDS}
        cost = (response.get("llmgw") or {}).get("cost_usd")
        cost = None if cost is None else Decimal(repr(cost))
        if (said, cost) != (has, line["cost_usd"]):
            misses += 1
            if misses <= 5:
                print(f"!! {kind}: the client was told {said} and {cost}, the log has {has} and {line['cost_usd']}: {line['attempts']}")
    print(f"{'!! ' if misses else ''}{count} responses told their client of tokens and money, {misses} otherwise than the log")
    return misses


def estimated(lines: list[dict]) -> int:
    """What nobody counted is estimated beside the sums, and only for answers that broke off."""
    guesses = [line for line in lines if line.get("estimated")]
    broken = [line for line in guesses if any(one["fate"] in ("cut", "abandoned") for one in line["attempts"])]
    is_right = bool(guesses) and broken == guesses
    print(f"{'' if is_right else '!! '}estimated beside the counts, of answers that broke off: {len(broken)} of {len(guesses)}")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
