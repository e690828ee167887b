"""Conversation state, end to end: chains, references, stored responses, background, resumed streams, compaction.

    python state.py BINARY SIMULATOR

Every family of providers stands behind the simulator. What was generated is read in the simulator's log, so that nothing
is paid twice and a client that hangs up is seen to cancel.
"""

from __future__ import annotations

import http.client
import http.server
import json
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / name) for name in ("support", "sim")]

import stream as streams  # noqa: E402
from bench import CONFIG, Simulator  # noqa: E402
from gateway import Answer, Gateway  # noqa: E402

FAMILIES = ["openai/gpt-6-luna", "anthropic/claude-sonnet-5-5", "google/gemini-3.8-flash", "lab/gpt-4.1"]
KEYS = """
server:
  keys: [{{ name: ann, key: "key-ann-0123456789abcdef" }}, {{ name: bob, key: "key-bob-0123456789abcdef" }}]
store: {{ kind: {kind}, path: "{path}" }}
"""
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


class Client:
    """One client key at one gateway."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self.gateway = gateway
        self.headers = {"authorization": f"Bearer key-{name}-0123456789abcdef"}

    def ask(self, model: str, asked: object, headers: dict | None = None, **fields: object) -> Answer:
        return self.gateway.post({"model": model, "input": asked, **fields}, headers={**self.headers, **(headers or {})})

    def call(self, method: str, path: str, body: dict | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)
        try:
            data = None if body is None else json.dumps(body)
            kind = {} if body is None else {"content-type": "application/json"}
            connection.request(method, f"/v1/responses{path}", data, {**self.headers, **kind})
            reply = connection.getresponse()
            raw = reply.read()
            found = {key.lower(): value for key, value in reply.getheaders()}
            streamed = found.get("content-type", "").startswith("text/event-stream")
            return Answer(reply.status, found, raw, streams.read(raw) if streamed else None)
        finally:
            connection.close()

    def until(self, identity: str, statuses: tuple[str, ...]) -> dict:
        """Polls until the response has one of these statuses."""
        for _ in range(300):
            response = self.call("GET", f"/{identity}").json
            if response["status"] in statuses:
                return response
            time.sleep(0.05)
        raise AssertionError(f"{identity} stays {response['status']}")

    def begin(self, body: dict, headers: dict, after: int) -> bytes:
        """Sends a request, reads a part of the reply and hangs up."""
        data = json.dumps(body).encode()
        fields = {**self.headers, **headers, "host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(data))}
        head = "POST /v1/responses HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in fields.items()) + "\r\n"
        got = b""
        with socket.create_connection(("127.0.0.1", self.gateway.port), 10) as client:
            client.sendall(head.encode() + data)
            client.settimeout(10)
            while got.count(b"\ndata: ") < after:
                more = client.recv(65536)
                assert more, f"the stream ended: {got[-300:]!r}"
                got += more
        return got


    def socket(self) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.gateway.port}/v1/responses", additional_headers=self.headers, max_size=None)


class Bench:
    """The simulator, one gateway with two client keys and a database, and one that stores nothing."""

    def __init__(self, binary: str, package: Path) -> None:
        self.sim = Simulator(package)
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory(prefix="llmgw-state-")
        self.database = Path(self.folder.name) / "state" / "responses.db"
        self.start()
        self.without = Gateway(binary, self.config("none"))

    def config(self, kind: str) -> str:
        return CONFIG.format(port=self.sim.port, attempts=1, allow="") + KEYS.format(kind=kind, path=self.database)

    def start(self) -> None:
        self.gateway = Gateway(self.binary, self.config("sqlite"))
        self.ann, self.bob = Client(self.gateway, "ann"), Client(self.gateway, "bob")

    def stop(self) -> None:
        self.gateway.__exit__()
        self.without.__exit__()
        self.sim.stop()
        self.folder.cleanup()

    def requests(self) -> list[dict]:
        return self.sim.get("/_sim/log?limit=1000")["requests"]

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        for _ in range(200):
            if holds():
                return
            time.sleep(0.05)
        raise AssertionError(what)


def good(answer: Answer) -> dict:
    assert answer.status == 200, f"HTTP {answer.status}: {answer.raw[:300]!r}"
    response = answer.response
    assert response and response.get("status", "completed") == "completed", f"{answer.raw[-400:]!r}"
    return response


def refused(answer: Answer, status: int, code: str) -> None:
    got = (answer.status, answer.json.get("error", {}).get("code"))
    assert got == (status, code), f"{got} where {(status, code)} was right: {answer.raw[:300]!r}"


def a_chain_goes_on_from_provider_to_provider(bench: Bench) -> None:
    previous = None
    for number, family in enumerate([*FAMILIES, "demo", *reversed(FAMILIES)]):
        fields = {"previous_response_id": previous} if previous else {}
        response = good(bench.ann.ask(family, f"word {number}", instructions="be brief", stream=number % 2 == 0, **fields))
        assert response["previous_response_id"] == previous
        assert response["store"] is True
        previous = response["id"]
    seen = json.dumps(bench.requests()[-1]["body"])
    assert all(f"word {number}" in seen for number in range(len(FAMILIES) * 2 + 1)), seen[:600]
    assert seen.count("be brief") == 1, "instructions are not inherited"
    items = bench.ann.call("GET", f"/{previous}/input_items?order=asc&limit=100").json
    said = [item for item in items["data"] if item["type"] == "message"]
    assert len(said) == 2 * (len(FAMILIES) * 2) + 1, len(said)


def a_count_is_of_the_whole_conversation(bench: Bench) -> None:
    first = good(bench.ann.ask("openai/gpt-6-luna", "a long story " * 200))["id"]
    count = bench.ann.call("POST", "/input_tokens", {"model": "openai/gpt-6-luna", "input": "hi", "previous_response_id": first}).json
    assert count["input_tokens"] > 400, count
    refused(bench.bob.call("POST", "/input_tokens", {"model": "demo", "input": "hi", "previous_response_id": first}), 400, "previous_response_not_found")


def a_tool_loop_goes_on_by_reference(bench: Bench) -> None:
    for family in FAMILIES:
        first = good(bench.ann.ask(family, "[[tool:look {}]] [[think]]", tools=[LOOK], reasoning={"effort": "medium", "summary": "auto"} if not family.startswith("lab") else None))
        calls = [item for item in first["output"] if item["type"] == "function_call"]
        assert calls, f"{family}: {[item['type'] for item in first['output']]}"
        refer = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
        outputs = [{"type": "function_call_output", "call_id": call["call_id"], "output": "a cat"} for call in calls]
        whole = [{"role": "user", "content": "[[tool:look {}]] [[think]]"}, *refer, *outputs]
        good(bench.ann.ask(family, whole, tools=[LOOK]))
        good(bench.ann.ask(family, outputs, tools=[LOOK], previous_response_id=first["id"], stream=True))
        orphan = [{"type": "function_call_output", "call_id": "call_none", "output": "x"}]
        refused(bench.ann.ask(family, orphan, previous_response_id=first["id"]), 400, "unmatched_function_call_output")
    refused(bench.ann.ask("demo", [{"type": "item_reference", "id": "msg_none"}]), 400, "item_not_found")


def a_stored_response_is_its_owners_alone(bench: Bench) -> None:
    response = good(bench.ann.ask("demo", "hello", store=True, metadata={"a": "b"}))
    identity = response["id"]
    assert bench.ann.call("GET", f"/{identity}").json == response
    refused(bench.bob.call("GET", f"/{identity}"), 404, "not_found")
    refused(bench.bob.call("DELETE", f"/{identity}"), 404, "not_found")
    refused(bench.bob.call("GET", f"/{identity}/input_items"), 404, "not_found")
    refused(bench.bob.ask("demo", "go on", previous_response_id=identity), 400, "previous_response_not_found")
    refused(bench.bob.ask("demo", [{"type": "item_reference", "id": response["output"][0]["id"]}]), 400, "item_not_found")
    refused(bench.ann.call("POST", f"/{identity}/cancel"), 400, "invalid_value")
    gone = bench.ann.call("DELETE", f"/{identity}")
    assert gone.json == {"id": identity, "object": "response", "deleted": True}, gone.json
    refused(bench.ann.call("GET", f"/{identity}"), 404, "not_found")
    unkept = good(bench.ann.ask("demo", "hello", store=False))
    assert unkept["store"] is False
    refused(bench.ann.call("GET", f"/{unkept['id']}"), 404, "not_found")


def the_input_is_listed_in_pages(bench: Bench) -> None:
    turns = [{"role": "user", "content": f"turn {number}"} for number in range(25)]
    identity = good(bench.ann.ask("demo", turns))["id"]
    first = bench.ann.call("GET", f"/{identity}/input_items").json
    assert (len(first["data"]), first["has_more"]) == (20, True)
    assert first["data"][0]["content"][0]["text"] == "turn 24"
    rest = bench.ann.call("GET", f"/{identity}/input_items?after={first['last_id']}").json
    assert [item["content"][0]["text"] for item in rest["data"]] == [f"turn {number}" for number in range(4, -1, -1)]
    assert not rest["has_more"] and rest["first_id"] == rest["data"][0]["id"]
    refused(bench.ann.call("GET", f"/{identity}/input_items?limit=0"), 400, "invalid_value")
    refused(bench.ann.call("GET", f"/{identity}/input_items?after=msg_none"), 400, "item_not_found")


def a_restart_forgets_only_what_was_kept_briefly(bench: Bench) -> None:
    lasting = good(bench.ann.ask("demo", "remember me", store=True))
    brief = good(bench.ann.ask("demo", "forget me"))
    bench.gateway.__exit__()
    bench.start()
    assert bench.ann.call("GET", f"/{lasting['id']}").json == lasting
    refused(bench.ann.call("GET", f"/{brief['id']}"), 404, "not_found")
    good(bench.ann.ask("openai/gpt-6-luna", "go on", previous_response_id=lasting["id"]))
    assert "remember me" in json.dumps(bench.requests()[-1]["body"])


def without_a_store_nothing_is_promised(bench: Bench) -> None:
    client = Client(bench.without, "ann")
    assert good(client.ask("demo", "hello"))["store"] is False
    refused(client.ask("demo", "hello", store=True), 400, "unsupported_value")
    refused(client.ask("demo", "hello", background=True), 400, "unsupported_value")
    refused(client.ask("demo", "hello", stream=True, headers={"x-llmgw-resumable": "30s"}), 400, "invalid_value")


def a_background_answer_runs_to_its_end(bench: Bench) -> None:
    for family in FAMILIES:
        queued = bench.ann.ask(family, "[[gap:60]] [[words:20]]", background=True).json
        assert (queued["status"], queued["background"], queued["output"]) == ("queued", True, []), queued
        seen = bench.ann.until(queued["id"], ("in_progress", "completed"))
        assert seen["id"] == queued["id"]
        done = bench.ann.until(queued["id"], ("completed", "failed", "incomplete"))
        assert done["status"] == "completed" and done["output"], done
        stream = bench.ann.call("GET", f"/{queued['id']}?stream=true").stream
        assert not streams.Grammar().check(stream), streams.Grammar().check(stream)
        assert stream.response == done, "the stream and the stored response differ"
        good(bench.ann.ask(family, "go on", previous_response_id=queued["id"]))
        again = bench.ann.call("POST", f"/{queued['id']}/cancel").json
        assert again["status"] == "completed"


def a_background_answer_can_be_cancelled(bench: Bench) -> None:
    queued = bench.ann.ask("openai/gpt-6-luna", "[[gap:200]] [[words:200]]", background=True, store=True).json
    bench.ann.until(queued["id"], ("in_progress",))
    bench.wait(lambda: bench.requests()[-1]["path"] == "/v1/responses", "nobody was asked")
    refused(bench.bob.call("POST", f"/{queued['id']}/cancel"), 404, "not_found")
    cancelled = bench.ann.call("POST", f"/{queued['id']}/cancel").json
    assert cancelled["status"] == "cancelled", cancelled
    assert bench.ann.call("GET", f"/{queued['id']}").json == cancelled
    bench.wait(lambda: bench.requests()[-1]["outcome"] == "aborted", "the upstream goes on")
    stream = bench.ann.call("GET", f"/{queued['id']}?stream=true").stream
    assert not streams.Grammar().check(stream), streams.Grammar().check(stream)
    assert stream.response["status"] == "failed"
    refused(bench.ann.ask("demo", "go on", previous_response_id=queued["id"]), 400, "previous_response_not_found")
    failed = bench.ann.ask("openai/gpt-6-luna", "[[error:500]]", background=True).json
    assert bench.ann.until(failed["id"], ("failed",))["error"]["code"] == "upstream_error"


def a_stream_is_resumed_where_it_was(bench: Bench) -> None:
    for family in FAMILIES:
        body = {"model": family, "input": "[[gap:60]] [[words:30]] [[unicode]]", "stream": True}
        count = len(bench.requests())
        got = bench.ann.begin(body, {"x-llmgw-resumable": "30s"}, after=5)
        numbers = [json.loads(line[6:])["sequence_number"] for line in got.decode(errors="replace").split("\n") if line.startswith("data: ") and line.endswith("}")]
        created = json.loads(next(line[6:] for line in got.decode(errors="replace").split("\n") if line.startswith("data: ")))
        identity, last = created["response"]["id"], 4
        assert numbers[:5] == [0, 1, 2, 3, 4]
        refused(bench.bob.call("GET", f"/{identity}?stream=true"), 404, "not_found")
        rest = bench.ann.call("GET", f"/{identity}?stream=true&starting_after={last}").stream
        assert rest.done and [event["sequence_number"] for event in rest.events] == list(range(5, 5 + len(rest.events)))
        whole = bench.ann.call("GET", f"/{identity}?stream=true").stream
        assert not streams.Grammar().check(whole), streams.Grammar().check(whole)
        assert whole.events[5:] == rest.events
        assert [json.loads(line[6:]) for line in got.decode(errors="replace").split("\n\n")[0].split("\n") if line.startswith("data: ")] == whole.events[:1]
        assert bench.ann.call("GET", f"/{identity}").json == whole.response
        assert len(bench.requests()) == count + 1, "the generation was paid twice"
        assert whole.response["status"] == "completed", family


def a_client_that_stays_away_cancels(bench: Bench) -> None:
    body = {"model": "openai/gpt-6-luna", "input": "[[gap:100]] [[words:300]]", "stream": True}
    for headers in ({}, {"x-llmgw-resumable": "200ms"}):
        bench.ann.begin(body, headers, after=5)
        bench.wait(lambda: bench.requests()[-1]["outcome"] == "aborted", f"the upstream goes on: {headers}")


def a_compacted_conversation_goes_on_everywhere(bench: Bench) -> None:
    compacted = bench.ann.call("POST", "/compact", {"model": "openai/gpt-6-luna", "input": [{"role": "user", "content": "my [[text:heron, and only heron]] word"}]}).json
    kinds = [item["type"] for item in compacted["output"]]
    assert compacted["object"] == "response.compaction" and kinds == ["message", "compaction"], compacted
    assert "heron, and only heron" not in compacted["output"][1]["encrypted_content"]
    for family in [*FAMILIES, "demo"]:
        good(bench.ann.ask(family, [*compacted["output"], {"role": "user", "content": "what is the word?"}]))
        if family != "demo":
            assert "The conversation so far, summarised" in json.dumps(bench.requests()[-1]["body"]), family
    blob = compacted["output"][1]["encrypted_content"]
    for family in [*FAMILIES, "demo"]:
        for forged in (blob[:-8] + "AAAAAAAA", "llmgws1.", "foreign", "gAAAAABforeign"):
            answer = bench.ann.ask(family, [{"type": "compaction", "encrypted_content": forged}, {"role": "user", "content": "hm?"}])
            # What looks like OpenAI's is for OpenAI to judge, and the simulator knows no such blobs.
            if not (family.startswith("openai") and forged.startswith("gAAAA")):
                assert answer.status == 400, f"{family} {forged[:12]}: {answer.status} {answer.raw[:200]!r}"
    refused(bench.bob.ask("demo", compacted["output"]), 400, "invalid_encrypted_content")
    refused(bench.ann.call("POST", "/compact", {"model": "demo"}), 400, "missing_required_parameter")


class OpenAi(http.server.BaseHTTPRequestHandler):
    """OpenAI's own compaction, which the simulator does not have."""

    seen: list[tuple[str, dict]] = []

    def do_POST(self) -> None:  # noqa: N802 (the name that http.server asks for)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        OpenAi.seen.append((self.path, body))
        if self.path == "/v1/responses/compact":
            kept = {"type": "message", "id": "msg_1", "role": "user", "status": "completed", "content": [{"type": "input_text", "text": "kept"}]}
            made = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAABtheirs"}
            usage = {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 10}
            self.reply({"id": "resp_theirs", "object": "response.compaction", "created_at": 1, "output": [kept, made], "usage": usage})
        else:
            said = {"type": "message", "id": "msg_2", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "on", "annotations": []}]}
            self.reply({"id": "resp_2", "object": "response", "created_at": 1, "status": "completed", "model": body["model"], "output": [said]})

    def reply(self, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def the_vendors_own_compaction_is_used_where_nobody_else_can_answer(bench: Bench) -> None:
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OpenAi)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    config = bench.config("memory").replace(f"http://127.0.0.1:{bench.sim.port}/v1\"", f"http://127.0.0.1:{upstream.server_port}/v1\"", 1)
    with Gateway(bench.binary, config) as gateway:
        ann = Client(gateway, "ann")
        asked = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
        made = ann.call("POST", "/compact", {"model": "openai/gpt-6-luna", "input": asked, "instructions": "Be brief.", "prompt_cache_key": "k"}).json
        assert [item.get("encrypted_content") for item in made["output"]] == [None, "gAAAABtheirs"] and made["usage"]["total_tokens"] == 10, made
        path, sent = OpenAi.seen[-1]
        assert path == "/v1/responses/compact" and set(sent) == {"model", "input", "instructions", "prompt_cache_key"} and len(sent["input"]) == 2, sent
        # Verbatim to OpenAI, and to nobody else.
        good(ann.ask("openai/gpt-6-luna", [*made["output"], {"role": "user", "content": "go on"}]))
        assert {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAABtheirs"} in OpenAi.seen[-1][1]["input"], OpenAi.seen[-1]
        refusal = ann.ask("anthropic/claude-sonnet-5-5", [*made["output"], {"role": "user", "content": "go on"}])
        assert refusal.status == 400 and refusal.error["param"] == "input[1]", refusal.raw
        # A name that may lead to another vendor gets a conversation that every vendor can go on with.
        ours = ann.call("POST", "/compact", {"model": "ladder", "input": "my [[text:heron]] word"})
        assert ours.status == 200 and ours.json["output"][-1]["encrypted_content"].startswith("llmgws1."), ours.raw
    upstream.shutdown()


def a_locked_database_fails_no_answer(bench: Bench) -> None:
    good(bench.ann.ask("demo", "first", store=True))
    with sqlite3.connect(bench.database) as other:
        other.execute("BEGIN EXCLUSIVE")
        response = good(bench.ann.ask("demo", "hello", store=True))
        good(bench.ann.ask("demo", "go on", previous_response_id=response["id"]))
        bench.wait(lambda: "responses are not stored" in bench.gateway.log(), "no warning")
        other.rollback()
    stored = good(bench.ann.ask("demo", "again", store=True))
    assert bench.ann.call("GET", f"/{stored['id']}").status == 200


def a_full_disk_fails_no_answer(bench: Bench) -> None:
    """The database stands on a disk of its own, of half a megabyte."""
    disk = Path(bench.folder.name) / "disk"
    disk.mkdir()
    mounted = Path(bench.folder.name) / "on-a-small-disk"
    mounted.write_text(f"""#!/bin/sh
exec unshare --map-root-user --mount sh -c 'mount -t tmpfs -o size=512k none "{disk}" && exec "{Path(bench.binary).resolve()}" "$@"' sh "$@"
""")
    mounted.chmod(0o755)
    config = CONFIG.format(port=bench.sim.port, attempts=1, allow="") + KEYS.format(kind="sqlite", path=disk / "responses.db")
    with Gateway(str(mounted), config) as gateway:
        ann = Client(gateway, "ann")
        small = good(ann.ask("demo", "small", store=True))
        for number in range(4):
            large = good(ann.ask("demo", f"{number} " + "x" * 300_000, store=True))
            good(ann.ask("demo", "go on", previous_response_id=large["id"], stream=True))
        bench.wait(lambda: "responses are not stored" in gateway.log(), "no warning")
        assert ann.call("GET", f"/{small['id']}").json == small


def turn(talk: ClientConnection, **fields: object) -> list[dict]:
    """One turn on a socket: its messages, of which exactly the last ends it."""
    talk.send(json.dumps({"type": "response.create", **fields}))
    return messages(talk)


def messages(talk: ClientConnection) -> list[dict]:
    events = []
    while not events or events[-1]["type"] not in (*streams.TERMINALS, "error"):
        events.append(json.loads(talk.recv(timeout=30)))
    return events


def failed_turn(events: list[dict], code: str) -> None:
    last = events[-1]
    assert last["type"] == "error" and last["error"]["code"] == code, last
    assert isinstance(last["status"], int) and last["error"]["message"], last
    assert not any(event["type"] in ("error", "response.failed") for event in events[:-1]), "two ends of one turn"


def a_socket_has_one_response_at_a_time(bench: Bench) -> None:
    with bench.ann.socket() as talk:
        for number in range(3):
            talk.send(json.dumps({"type": "response.create", "model": "openai/gpt-6-luna", "input": f"[[gap:30]] [[text:number {number}]]", "store": False}))
        for number in range(3):
            events = messages(talk)
            assert [event["sequence_number"] for event in events] == list(range(len(events)))
            assert streams.text(events[-1]["response"]) == f"number {number}", events[-1]["response"]["output"]


def a_socket_remembers_what_nobody_stored(bench: Bench) -> None:
    with bench.ann.socket() as talk, bench.ann.socket() as other, bench.bob.socket() as bob:
        previous = {}
        for number, family in enumerate(FAMILIES):
            events = turn(talk, model=family, input=f"word {number}", store=False, **previous)
            assert events[-1]["type"] == "response.completed", events[-1]
            previous = {"previous_response_id": events[-1]["response"]["id"]}
        seen = json.dumps(bench.requests()[-1]["body"])
        assert all(f"word {number}" in seen for number in range(len(FAMILIES)))
        refer = [{"type": "item_reference", "id": events[-1]["response"]["output"][0]["id"]}]
        assert turn(talk, model="demo", input=refer, store=False)[-1]["type"] == "response.completed"
        failed_turn(turn(other, model="demo", input="go on", store=False, **previous), "previous_response_not_found")
        stored = turn(talk, model="demo", input="keep this", store=True)[-1]["response"]["id"]
        assert turn(other, model="demo", input="go on", previous_response_id=stored)[-1]["type"] == "response.completed"
        failed_turn(turn(bob, model="demo", input="go on", previous_response_id=stored), "previous_response_not_found")


def a_socket_is_warmed_up_for_nothing(bench: Bench) -> None:
    """As Codex does it: the beginning of the conversation goes ahead, and nobody is asked."""
    with bench.ann.socket() as talk:
        events = turn(talk, model="openai/gpt-6-luna", input="the word is heron", store=False, stream=True, generate=False)
        assert [event["type"] for event in events] == ["response.created", "response.in_progress", "response.completed"], events
        warm = events[-1]["response"]
        assert warm["output"] == [] and warm["usage"]["total_tokens"] == 0 and not bench.requests(), warm
        for family in FAMILIES:
            last = turn(talk, model=family, input="go on", store=False, stream=True, previous_response_id=warm["id"])[-1]
            assert last["type"] == "response.completed", last
            assert "the word is heron" in json.dumps(bench.requests()[-1]["body"]), family


def a_failed_turn_ends_once_and_the_socket_lives(bench: Bench) -> None:
    with bench.ann.socket() as talk:
        failed_turn(turn(talk, model="demo", input="x", stream=False), "unsupported_parameter")
        failed_turn(turn(talk, model="demo", input="x", background=None), "unsupported_parameter")
        failed_turn(turn(talk, input="x"), "missing_required_parameter")
        failed_turn(turn(talk, model="none/such", input="x"), "model_not_found")
        failed_turn(turn(talk, model="demo", input=[{"type": "compaction", "encrypted_content": "forged"}]), "invalid_encrypted_content")
        talk.send("{")
        failed_turn(messages(talk), "invalid_json")
        talk.send(b"binary")
        failed_turn(messages(talk), "invalid_value")
        for family in FAMILIES:
            failed_turn(turn(talk, model=family, input="[[error:503]]", store=False), "overloaded")
            first = turn(talk, model=family, input="hello", store=False)[-1]["response"]["id"]
            cut = turn(talk, model=family, input="[[words:40]] [[drop-after:9]]", store=False, previous_response_id=first)
            assert cut[0]["type"] == "response.created", cut
            failed_turn(cut, "upstream_stream_interrupted")
            failed_turn(turn(talk, model=family, input="go on", store=False, previous_response_id=first), "previous_response_not_found")
        assert turn(talk, model="demo", input="still there?")[-1]["type"] == "response.completed"


def a_socket_that_closes_cancels_and_strangers_stay_out(bench: Bench) -> None:
    with bench.ann.socket() as talk:
        talk.send(json.dumps({"type": "response.create", "model": "openai/gpt-6-luna", "input": "[[gap:100]] [[words:300]]"}))
        talk.recv(timeout=10)
    bench.wait(lambda: bench.requests()[-1]["outcome"] == "aborted", "the upstream goes on")
    try:
        with connect(f"ws://127.0.0.1:{bench.gateway.port}/v1/responses"):
            raise AssertionError("a stranger was let in")
    except InvalidStatus as status:
        assert status.response.status_code == 401, status
    refused(bench.ann.call("GET", ""), 405, "method_not_allowed")


CASES = [value for name, value in list(globals().items()) if name.startswith(("a_", "the_", "without_"))]


def main() -> int:
    bench = Bench(sys.argv[1], Path(sys.argv[2]))
    word = sys.argv[3] if len(sys.argv) > 3 else ""
    failed = 0
    try:
        for case in CASES:
            if word not in case.__name__:
                continue
            started = time.monotonic()
            problem = None
            try:
                bench.sim.request("POST", "/_sim/reset")
                case(bench)
                violations = bench.sim.get("/_sim/log?violations=1")["requests"]
                # It knows no such blobs, and nothing of compaction; that OpenAI itself is asked first is right.
                wrong = [entry["violations"] for entry in violations if "gAAAA" not in json.dumps(entry["body"]) and not entry["path"].endswith("/compact")]
                assert not wrong, f"the simulator refused: {wrong[:3]}"
            except Exception:  # a case that cannot go on has failed, whatever the reason
                problem = traceback.format_exc(limit=-2).strip()
            failed += problem is not None
            print(f"{'FAILED' if problem else 'ok':6} {time.monotonic() - started:5.1f}s {case.__name__}" + (f"\n{problem}" if problem else ""))
        panics = bench.gateway.panics()
        print(*panics, sep="\n", end="\n" if panics else "")
        failed += len(panics)
    finally:
        bench.stop()
    print(f"{failed} of {len(CASES)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
