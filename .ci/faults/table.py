"""Sixteen faults of a primary in front of a backup, over real sockets: through two doors, whole and streamed, under
`on_cut: error` and `continue`.

    python3 table.py BINARY [-k WORD]

The client gets the whole right answer exactly once, or an honest error in bounded time; usage and the name of the model
that answered are right; a dead primary is asked a bounded number of times, and again once it is back.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import http.client
import itertools
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import socket_client  # noqa: E402
import stream as streams  # noqa: E402
from gateway import Answer, Gateway, free_port  # noqa: E402
from speaker import DIALECTS, TEXT, Backup, Lab, Speaker  # noqa: E402
from upstream import Upstream  # noqa: E402

DOORS = ("/v1/responses", "/v1/chat/completions")
CUTS = ("error", "continue")
LIMIT = 8.0  # seconds in which an answer or an error must be there
TIMES = "timeouts: { connect: 1s, first_token: 1s, idle: 1s, total: 6s }, retry: { attempts: 3, base: 50ms, max: 200ms }"


def config(port: int, other: int, dead: int) -> str:
    """Routes for each fault: the primary of each dialect, backups of which one takes a prefill and one refuses it."""
    lines = ["providers:"]
    kinds = {"openai": "openai", "anthropic": "anthropic", "google": "google", "lab": "openai-compatible"}
    for name, kind in kinds.items():
        base = f"http://127.0.0.1:{port}" + ("" if name in ("anthropic", "google") else "/v1")
        lines.append(f'  p-{name}: {{ type: {kind}, api_key: "k", base_url: "{base}" }}')
    for name, kind in (("b-prefill", "vllm"), ("b-refuses", "vllm"), ("b-anew", "openai-compatible")):
        lines.append(f'  {name}: {{ type: {kind}, api_key: "k", base_url: "http://127.0.0.1:{other}/v1" }}')
    lines.append(f'  gone: {{ type: openai-compatible, api_key: "k", base_url: "http://127.0.0.1:{dead}/v1" }}')
    lines += ["defaults:", "  breaker: { consecutive: 3, open: 300ms, open_max: 1s }", "log: { level: info, format: json }"]
    return "\n".join(lines) + "\nmodels:\n"


@dataclass
class Fault:
    """What the primary does, what is expected under each rule, and how often it may be asked."""

    name: str
    kind: str
    error: str = "whole"  # under `on_cut: error`: "whole", or "failed"
    most: int = 3
    extra: str = ""  # of the route
    alone: str = ""  # what is expected without a backup


FAULTS = [
    Fault("429 with Retry-After 2 s", "429-after"),
    Fault("429 without", "429"),
    Fault("a burst of 500s", "500"),
    Fault("503", "503"),
    Fault("refused connection", "refused"),
    Fault("accepted, then silent", "silent", most=1),
    Fault("slow first token", "slow", most=1),
    Fault("cut mid-stream", "cut", error="failed"),
    Fault("stall mid-stream", "stall", error="failed"),
    Fault("one malformed chunk", "malformed", error="failed"),
    Fault("missing terminal event", "no-end", error="failed"),
    Fault("400 context overflow", "context"),
    Fault("400 content policy", "policy", error="refused", most=1),
    Fault("flapping", "flapping"),
    Fault("dead for a while", "dead", most=12),
    Fault("error inside a 200 stream", "inside", error="failed"),
]


@dataclass
class Cell:
    """One request and what became of it."""

    fault: Fault
    dialect: type
    door: str
    streamed: bool
    on_cut: str
    backup: str
    route: str = ""
    took: float = 0.0
    verdict: str = ""
    problems: list[str] = field(default_factory=list)


def cells(word: str) -> list[Cell]:
    found = []
    turns = itertools.cycle(("b-prefill", "b-refuses", "b-anew"))
    for fault in FAULTS:
        if word not in fault.name or fault.kind == "dead":
            continue
        for door, streamed, on_cut in itertools.product(DOORS, (False, True), CUTS):
            for dialect in DIALECTS:
                # Where a rescue may be needed, every backup; elsewhere one each in turn.
                wide = on_cut == "continue" and fault.error == "failed" and streamed
                for backup in ("b-prefill", "b-refuses", "b-anew") if wide else (next(turns),):
                    found.append(Cell(fault, dialect, door, streamed, on_cut, backup))
    for at, cell in enumerate(found):
        cell.route = f"r{at}"
    return found


def route(cell: Cell) -> str:
    primary = "gone/x" if cell.fault.kind == "refused" else f"p-{cell.dialect.name}/{cell.dialect.model}-{cell.fault.kind}-f{cell.route[1:]}f"
    backup = f"{cell.backup}/backup-{cell.backup}-f{cell.route[1:]}f"
    return f"  {cell.route}: {{ targets: [{primary}, {backup}], on_cut: {cell.on_cut}, {TIMES} }}\n"


def ask(gateway: Gateway, name: str, door: str, streamed: bool, timeout: float = 30) -> Answer:
    body: dict = {"model": name, "stream": streamed}
    if door.endswith("responses"):
        body["input"] = "go"
    else:
        body["messages"] = [{"role": "user", "content": "go"}]
        if streamed:
            body["stream_options"] = {"include_usage": True}
    return gateway.post(body, door, timeout=timeout)


@dataclass
class Seen:
    """What the client has, whichever door it came through."""

    status: str  # completed, failed, or an HTTP status
    text: str = ""
    model: str = ""
    usage: int | None = None
    code: str | None = None
    note: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def seen(answer: Answer, door: str, streamed: bool) -> Seen:
    if answer.status != 200:
        return Seen(str(answer.status), code=answer.json["error"]["code"])
    if door.endswith("responses"):
        response = answer.response
        problems = streams.Grammar().check(answer.stream) if streamed else []
        usage = (response.get("usage") or {}).get("total_tokens")
        code = (response.get("error") or {}).get("code")
        return Seen(response["status"], streams.text(response), response["model"], usage, code, response.get("llmgw") or {}, problems)
    if not streamed:
        body, choice = answer.json, answer.json["choices"][0]
        status = {"stop": "completed"}.get(choice["finish_reason"], choice["finish_reason"])
        return Seen(status, choice["message"]["content"], body["model"], (body.get("usage") or {}).get("total_tokens"), note=body.get("llmgw") or {})
    return chunks(answer.raw)


def chunks(raw: bytes) -> Seen:
    """The stream of the door for Chat Completions."""
    found = Seen("unfinished")
    done = False
    for line in raw.decode().split("\n"):
        if not line.startswith("data: "):
            continue
        if done:
            found.problems.append("something after [DONE]")
        if line == "data: [DONE]":
            done = True
            continue
        chunk = json.loads(line[6:])
        if "error" in chunk and chunk["error"]:
            found.status, found.code = "failed", chunk["error"].get("code")
            continue
        found.model = found.model or chunk["model"]
        found.note = chunk.get("llmgw") or found.note
        if chunk.get("usage"):
            found.usage = chunk["usage"]["total_tokens"]
        for choice in chunk["choices"]:
            found.text += choice["delta"].get("content") or ""
            if choice.get("finish_reason"):
                if found.status == "completed":
                    found.problems.append("two finish reasons")
                found.status = {"stop": "completed"}.get(choice["finish_reason"], choice["finish_reason"])
    if found.status == "unfinished":
        found.problems.append("no finish reason and no error")
    return found


def judge(cell: Cell, answer: Answer, primary: Speaker, backup: Backup) -> None:
    found = seen(answer, cell.door, cell.streamed)
    say = cell.problems.append
    cell.problems += found.problems
    if cell.took > LIMIT:
        say(f"took {cell.took:.1f} s")
    asked = primary.asked(cell.route)
    if asked > cell.fault.most:
        say(f"the primary was asked {asked} times")
    expect = cell.fault.error if cell.fault.error == "refused" or (cell.on_cut == "error" and cell.streamed) else "whole"
    if expect == "refused":
        cell.verdict = "refused"
        # Google says it in an answer of its own.
        refused = ("incomplete", "content_filter") if cell.dialect.name == "google" else ("400",)
        if found.status not in refused or asked != 1 or backup.asked(cell.route):
            say(f"status {found.status}, primary {asked}, backup {backup.asked(cell.route)}: one attempt, then the error")
        return
    if expect == "failed":
        cell.verdict = "failed"
        if found.status not in ("failed", "502", "504") or not found.code:
            say(f"ended as {found.status} {found.code}")
        if not TEXT.startswith(found.text):
            say(f"said {found.text[-60:]!r}")
        return
    rescued = len(found.note.get("rescues") or [])
    cell.verdict = "rescued" if rescued else "whole"
    if (found.status, found.text) != ("completed", TEXT):
        say(f"ended as {found.status} {found.code} with {found.text[-80:]!r}")
        return
    # Whoever began is the model; a rescue is in the note.
    by_primary = bool(primary.begun(cell.route))
    named = cell.dialect.model if by_primary else "backup"
    if cell.fault.error == "failed" and not rescued and not cell.streamed:
        named = "backup" if backup.asked(cell.route) else cell.dialect.model
    if not found.model.startswith(named):
        say(f"the model is {found.model!r}, and {named} answered")
    if cell.streamed and answer.headers.get("x-llmgw-model", "").find(named) < 0:
        say(f"x-llmgw-model is {answer.headers.get('x-llmgw-model')}")
    expected = primary.spent(cell.route) + backup.spent(cell.route)
    if rescued:
        expected += primary.begun_tokens[cell.route]
    if found.usage != expected:
        say(f"usage {found.usage}, spent were {expected}")
    if rescued and not cell.streamed and answer.headers.get("x-llmgw-rescues") != str(rescued):
        say(f"x-llmgw-rescues is {answer.headers.get('x-llmgw-rescues')}")
    if cell.on_cut == "continue" and cell.streamed and cell.fault.error == "failed" and not rescued:
        say("nothing tells that it was rescued")


def run(gateway: Gateway, cell: Cell, primary: Speaker, backup: Backup) -> Cell:
    started = time.monotonic()
    try:
        answer = ask(gateway, cell.route, cell.door, cell.streamed)
        cell.took = time.monotonic() - started
        judge(cell, answer, primary, backup)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        cell.took = time.monotonic() - started
        cell.problems.append(f"{error!r} after {cell.took:.1f} s")
    return cell


def table(done: list[Cell]) -> list[str]:
    """A row a fault, a column a way."""
    ways = [(door, streamed, on_cut) for door in DOORS for streamed in (False, True) for on_cut in CUTS]
    heads = [f"{'R' if door == DOORS[0] else 'C'} {'stream' if streamed else 'whole'} {on_cut}" for door, streamed, on_cut in ways]
    lines = ["| fault | " + " | ".join(heads) + " |", "|" + "---|" * (len(heads) + 1)]
    for fault in FAULTS:
        row = []
        for way in ways:
            of = [cell for cell in done if cell.fault is fault and (cell.door, cell.streamed, cell.on_cut) == way]
            verdicts = sorted({cell.verdict for cell in of if not cell.problems})
            bad = sum(bool(cell.problems) for cell in of)
            slowest = max((cell.took for cell in of), default=0)
            row.append((f"{bad} BAD " if bad else "") + "/".join(verdicts) + f" {slowest:.1f}s" if of else "")
        if any(row):
            lines.append(f"| {fault.name} | " + " | ".join(row) + " |")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("-k", default="", help="only faults whose name holds this")
    options = parser.parse_args()
    started = time.time()
    primary = Speaker()
    backup = Backup(primary)
    here, there = Upstream(primary.answer), Upstream(backup.answer)
    work = cells(options.k)
    text = config(here.port, there.port, free_port()) + "".join(map(route, work)) + special()
    with Gateway(os.path.abspath(options.binary), text) as gateway:
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            done = list(pool.map(lambda cell: run(gateway, cell, primary, backup), work))
        more = beyond(gateway, primary, backup) if not options.k else []
        if not options.k or options.k in "dead for a while":
            done += dead(gateway, primary, backup)
        more += [f"panic: {line}" for line in gateway.panics()]
    for cell in done:
        for problem in cell.problems[:4]:
            way = f"{cell.door} {'streamed' if cell.streamed else 'whole'} {cell.on_cut} {cell.dialect.name} {cell.backup}"
            print(f"FAIL [{cell.fault.name}] {way}: {problem[:300]}")
    for problem in more + here.faults + there.faults:
        print(f"FAIL {problem[:300]}")
    print("\n".join(table(done)))
    failures = sum(bool(cell.problems) for cell in done) + len(more) + len(here.faults) + len(there.faults)
    print(f"{len(done)} requests, {failures} failures, {time.time() - started:.0f} s")
    return 1 if failures or not done else 0


def special() -> str:
    """Routes with lists of their own, and those of the primary that dies."""
    p, b = "p-lab/llama", "b-anew/backup-b-anew"
    lines = [
        f"  long: {{ targets: [{p}-context-f9001f, {b}-f9001f], when_context_over: {{ tokens: 1M, targets: [b-prefill/backup-long-f9001f] }}, {TIMES} }}",
        f"  short: {{ targets: [{p}-context-f9002f], {TIMES} }}",
        f"  refused: {{ targets: [{p}-policy-f9003f, {b}-f9003f], when_refused: [b-prefill/backup-list-f9003f], {TIMES} }}",
    ]
    for at, name in enumerate(("messages", "socket")):
        lines.append(f"  {name}: {{ targets: [{p}-cut-f{9005 + 2 * at}f, b-prefill/backup-b-prefill-f{9005 + 2 * at}f], on_cut: continue, {TIMES} }}")
    lines += [f"  dead{at}: {{ targets: [{p}-dead-f{9100 + at}f, {b}-f{9100 + at}f], on_cut: {on_cut}, {TIMES} }}" for at, (_, _, on_cut) in enumerate(ways())]
    return "\n".join(lines) + "\n"


def ways() -> list[tuple[str, bool, str]]:
    return list(itertools.product(DOORS, (False, True), CUTS))


def beyond(gateway: Gateway, primary: Speaker, backup: Backup) -> list[str]:
    """Too long a prompt goes to its list; a refused one to its own, and nowhere else."""
    problems = []
    found = seen(ask(gateway, "long", DOORS[0], True), DOORS[0], True)
    if not found.model.startswith("backup-long") or found.text != TEXT or primary.asked("r9001") != 1:
        problems.append(f"when_context_over: {found}")
    found = seen(ask(gateway, "short", DOORS[0], False), DOORS[0], False)
    if found.status != "400" or found.code != "context_length_exceeded" or primary.asked("r9002") != 1:
        problems.append(f"context overflow alone: {found}, asked {primary.asked('r9002')} times")
    found = seen(ask(gateway, "refused", DOORS[0], True), DOORS[0], True)
    if not found.model.startswith("backup-list") or primary.asked("r9003") != 1 or backup.asked("r9003") != 1:
        problems.append(f"when_refused: {found}")
    return problems + other_doors(gateway)


def other_doors(gateway: Gateway) -> list[str]:
    """A rescue through Anthropic's door, and through the WebSocket."""
    problems = []
    body = {"model": "messages", "max_tokens": 1000, "stream": True, "messages": [{"role": "user", "content": "go"}]}
    raw = gateway.post(body, "/v1/messages").raw.decode()
    events = [json.loads(line[6:]) for line in raw.split("\n") if line.startswith("data: ")]
    said = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    starts = sum(event["type"] == "content_block_start" for event in events)
    if said != TEXT or starts != 1 or events[-1]["type"] != "message_stop":
        problems.append(f"/v1/messages: {starts} blocks, {events[-1]['type']}, said {said[-80:]!r}")
    events = socket_client.exchange(gateway.port, {"type": "response.create", "model": "socket", "input": "go"})
    response = events[-1].get("response") or {}
    deltas = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    if response.get("status") != "completed" or streams.text(response) != TEXT or deltas != TEXT or not response["llmgw"].get("rescues"):
        problems.append(f"WebSocket: {events[-1]}")
    return problems


def dead(gateway: Gateway, primary: Speaker, backup: Backup) -> list[Cell]:
    """The primary is dead for three seconds: nobody notices, it is asked now and then, and soon after it is back in use."""

    def one(at: int) -> Cell:
        door, streamed, on_cut = ways()[at]
        cell = Cell(FAULTS[14], Lab, door, streamed, on_cut, "b-anew", f"r{9100 + at}")
        began = time.monotonic()
        primary.dead_until[cell.route] = began + 3
        back = None
        sent = during = 0
        while back is None and time.monotonic() < began + 3 + LIMIT:
            started = time.monotonic()
            found = seen(ask(gateway, f"dead{at}", door, streamed), door, streamed)
            took = time.monotonic() - started
            sent += 1
            cell.took = max(cell.took, took)
            if (found.status, found.text) != ("completed", TEXT) or took > 3:
                cell.problems.append(f"ended as {found.status} {found.code} after {took:.1f} s")
            if found.model.startswith("llama"):
                back = time.monotonic() - began - 3
            else:
                during = primary.asked(cell.route)
            time.sleep(0.1)
        if during > cell.fault.most:
            cell.problems.append(f"asked {during} times while it was dead")
        if back is None:
            cell.problems.append("never asked again after it was back")
        else:
            cell.verdict = f"{sent} whole, asked {during} times dead, back after {back:.1f}s"
        return cell

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(len(ways()))))


if __name__ == "__main__":
    sys.exit(main())
