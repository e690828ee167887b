"""The books balance: books.py BINARY SIMULATOR [REQUESTS].

A thousand mixed requests (whole, streamed, failed over, cut, given up by their client) through every door to all
providers of the simulator. Then the sums of tokens and of money in the log, in the metrics and in the simulator's own
books must be equal, to the last digit. Runs in the simulator's virtual environment, which `books.sh` makes."""

from __future__ import annotations

import collections
import concurrent.futures
import csv
import json
import random
import re
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from gateway import Gateway, free_port  # noqa: E402

KINDS = ["input", "cached", "cache_write", "output", "reasoning"]
TYPES = {"input": "input", "cached": "cached_input", "cache_write": "cache_creation_input", "output": "output", "reasoning": "reasoning"}
MODELS = ["openai/gpt-6-luna", "anthropic/claude-haiku-4-5", "google/gemini-3.8-flash", "lab/gpt-4.1"]
LAB = {"input": "3", "cached": "0.3", "write": "3.75", "output": "12"}

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
store: {{ kind: none }}
prices: {{ "lab/*": {{ input: 3, cached_input: 0.3, cache_write: 3.75, output: 12 }} }}
"""


def prices() -> dict[str, dict[str, Decimal]]:
    """The list prices that ship, read without the gateway's help."""
    found = {"lab/gpt-4.1": {key: Decimal(value) for key, value in LAB.items()}}
    table = (HERE.parent.parent / "src/catalog/prices.tsv").read_text().splitlines()
    for row in csv.reader((line for line in table if line and not line.startswith("#")), delimiter="\t"):
        provider, model, when, plain, cached, write, _, output = row
        if not when and f"{provider}/{model}" in MODELS:
            rates = {"input": plain, "cached": cached or plain, "write": write or plain, "output": output}
            found[f"{provider}/{model}"] = {key: Decimal(value) for key, value in rates.items()}
    return found


def body(door: str, model: str, text: str, streamed: bool) -> dict:
    common = {"model": model, "stream": streamed}
    if door == "/v1/responses":
        return {**common, "input": text, "store": False}
    return {**common, "messages": [{"role": "user", "content": text}], "max_tokens": 400}


def drive(gateway: Gateway, number: int) -> str:
    """One request; what became of it for the client."""
    chance = random.Random(number)
    model = MODELS[number % len(MODELS)]
    door = chance.choice(["/v1/responses", "/v1/chat/completions", "/v1/messages"])
    text = f"say {number} [[words:{chance.randint(5, 60)}]]" + chance.choice(["", " [[cache]]", " [[cache-write]]", " [[think]]"])
    kind = chance.choice(["whole", "whole", "stream", "stream", "failover", "retry", "cut", "gone", "refused"])
    if kind == "failover":
        alias = f"over-{number % len(MODELS)}"
        gateway.post(body(door, alias, text, chance.random() < 0.5), door)
    elif kind == "retry":
        gateway.post(body(door, model, f"{text} [[fail-first:1:key=k{number}:status=500]]", chance.random() < 0.5), door)
    elif kind == "cut":
        # A clean end and no reset: what a reset makes of bytes that are under way is for neither side to say.
        gateway.post(body(door, model, f"{text} [[early-eof:{chance.randint(4, 9)}]]", True), door)
    elif kind == "gone":
        leave(gateway, door, body(door, model, f"{text} [[stall-after:8]]", True))
    elif kind == "refused":
        gateway.post({"model": model, "input": 7}, door)
    else:
        gateway.post(body(door, model, text, kind == "stream"), door)
    return kind


def leave(gateway: Gateway, door: str, body: dict) -> None:
    """Reads until nothing more comes, and hangs up."""
    import socket

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


def scraped(admin: int) -> list[tuple[str, dict[str, str], Decimal]]:
    page = urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10).read().decode()
    samples = []
    for line in page.splitlines():
        if found := re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line):
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
            samples.append((found[1], labels, Decimal(found[3])))
    return samples


def main() -> int:
    binary, simulator = sys.argv[1:3]
    requests = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    up, admin = free_port(), free_port()
    sim = subprocess.Popen([sys.executable, str(HERE / "sim.py"), simulator, str(up)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert sim.stdout is not None and sim.stdout.readline() == b"ready\n", "the simulator does not start"
    try:
        aliases = "\n".join(f"  over-{n}: {{ targets: [openai/gpt-4o+error:503, {MODELS[(n + 1) % 4]}+error:500, {model}] }}" for n, model in enumerate(MODELS))
        with Gateway(binary, CONFIG.format(admin=admin, up=up, aliases=aliases)) as gateway:
            started = time.time()
            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                kinds = collections.Counter(pool.map(lambda number: drive(gateway, number), range(requests)))
            seconds = time.time() - started
            lines: list[dict] = []
            for _ in range(100):
                whole = gateway.log().rpartition("\n")[0].splitlines()
                lines = [line for line in map(json.loads, (line for line in whole if line.startswith("{"))) if "outcome" in line]
                if len(lines) >= requests:
                    break
                time.sleep(0.1)
            samples = scraped(admin)
            entries = json.load(urllib.request.urlopen(f"http://127.0.0.1:{up}/_sim/log?limit=100000", timeout=30))
    finally:
        sim.kill()
    return compare(requests, kinds, seconds, lines, samples, entries["requests"])


def compare(requests: int, kinds: collections.Counter, seconds: float, lines: list[dict], samples: list, entries: list[dict]) -> int:
    rates = prices()
    names = {"openai": "openai/gpt-6-luna", "anthropic": "anthropic/claude-haiku-4-5", "google": "google/gemini-3.8-flash"}
    books: dict[str, Decimal | int] = {"requests": requests, **dict.fromkeys(KINDS, 0), "attempts": len(entries), "cost": Decimal(0)}
    for entry in entries:
        usage = entry.get("usage")
        if not usage:
            continue
        for kind in KINDS:
            books[kind] += usage[kind]
        rate = rates["lab/gpt-4.1" if entry["path"].endswith("/chat/completions") else names[entry["provider"]]]
        fresh = usage["input"] - usage["cached"] - usage["cache_write"]
        cost = fresh * rate["input"] + usage["cached"] * rate["cached"] + usage["cache_write"] * rate["write"] + usage["output"] * rate["output"]
        books["cost"] += cost / 1_000_000
    log = {"requests": len(lines), **{kind: sum((line["tokens"] or {}).get(kind, 0) for line in lines) for kind in KINDS}}
    log["attempts"] = sum(len(line["attempts"]) for line in lines)
    log["cost"] = sum((Decimal(repr(line["cost_usd"])) for line in lines if line["cost_usd"] is not None), Decimal(0))
    total = lambda name, **want: sum((value for key, labels, value in samples if key == name and all(labels.get(label) == word for label, word in want.items())), Decimal(0))  # noqa: E731
    metrics = {"requests": total("llmgw_requests_total"), **{kind: total("gen_ai_client_token_usage_sum", gen_ai_token_type=TYPES[kind]) for kind in KINDS}}
    metrics |= {"attempts": total("llmgw_attempts_total"), "cost": total("llmgw_cost_usd_total")}
    print(f"{requests} requests in {seconds:.1f} s: {dict(kinds)}; outcomes {dict(collections.Counter(line['outcome'] for line in lines))}")
    wrong = 0
    for name in ["requests", "attempts", *KINDS, "cost"]:
        values = [Decimal(book[name]) for book in (books, log, metrics)]
        agree = len(set(values)) == 1
        wrong += not agree
        print(f"{'' if agree else '!! '}{name:12} simulator {values[0]:f}  log {values[1]:f}  metrics {values[2]:f}")
    guesses = [line for line in lines if line.get("estimated")]
    broken = [line for line in guesses if any(one["fate"] in ("cut", "abandoned") for one in line["attempts"])]
    if not guesses or broken != guesses:
        wrong += 1
    print(f"{'' if broken == guesses else '!! '}estimated beside the counts, of answers that broke off: {len(broken)} of {len(guesses)}")
    if not books["cost"]:
        wrong += 1
        print("!! nothing cost anything: this run proves nothing")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
