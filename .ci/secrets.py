#!/usr/bin/env python3
"""No key may appear in anything that is logged, returned or written, and no prompt in anything that tells of requests:
secrets.py BINARY.

Boots the gateway with known keys at several log levels with everything on (log, metrics, ledger, traces), before upstreams
that answer well and upstreams that refuse and repeat key and prompt in their refusal; drives every provider and every
door, whole and streamed, well and badly formed; reads every page of the admin listener; breaks the configuration. Then it
looks for the keys in every byte, and for a phrase of the prompts in the log, in the spans, in the pages, in every header
and in every file of the state, ledger included. The phrase may be where `log.content` (the log) and OpenTelemetry's
switch (the spans) ask for it, and there it must be; and in the body of an answer to whoever said it. Responses that the
client wants stored hold what was said by their nature, so that the prompts with the phrase are sent with `store: false`."""

import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

KEYS = {
    "openai": "sk-proj-canaryOPENAI0123456789abcdef",
    "anthropic": "sk-ant-canaryANTHROPIC0123456789",
    "google": "AIza" + "CanaryGOOGLE0123456789abcdefghijklm",
    "lab": "labcanary-0123456789-not-a-known-shape",
    "client": "gw-canaryCLIENT0123456789",
    "collector": "canaryCOLLECTOR0123456789",
}

# What only the user says; upstreams repeat it in their refusals.
PHRASE = "the-heron-sleeps-at-noon-4711"

# A key that the user puts into a prompt: a log of prompts must not hold it either.
TYPED = "sk-proj-typedBYTHEUSER0123456789"

GOOD = {
    "/v1/responses": {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-4o", "output": [
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}},
    "/v1/chat/completions": {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]},
    "/v1/messages": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": [{"type": "text", "text": "hi"}],
                     "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}},
    "generateContent": {"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}], "responseId": "r"},
}


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: set[str] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        shown = " ".join(self.headers.get(name, "") for name in ("authorization", "x-api-key", "x-goog-api-key"))
        for name, key in KEYS.items():
            if key in shown:
                Upstream.seen.add(name)
            if key in self.path:
                Upstream.seen.add(f"{name} in the URL")
        if b"break off" in body:
            return self.break_off(shown)
        if b"refuse" in body:
            status = 401 if b"refuse 401" in body else 500
            reply = {"error": {"message": f"Incorrect API key provided: {shown} for {PHRASE}. See https://x.example/?key={shown}", "type": "invalid_request_error", "code": "invalid_api_key", "status": "UNAUTHENTICATED"}}
        else:
            status = 200
            reply = next((good for path, good in GOOD.items() if path in self.path), GOOD["generateContent"])
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("x-request-id", "up-1")
        self.end_headers()
        self.wfile.write(data)

    def break_off(self, shown: str) -> None:
        """A stream of Chat Completions that says something, and then why it goes no further."""
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "well"}}]}
        error = {"error": {"message": f"the server broke down over {PHRASE} of {shown}", "type": "server_error", "code": 500}}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in (chunk, error):
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.flush()
            # Read together they would be a failure before the first content.
            time.sleep(0.1)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes whatever is exported, and keeps every byte."""

    taken: list[bytes] = []

    def do_POST(self) -> None:
        Collector.taken.append(self.rfile.read(int(self.headers.get("content-length", 0))))
        if self.headers.get("x-key") == KEYS["collector"]:
            Upstream.seen.add("collector")
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(port: int, path: str, data: bytes | None) -> tuple[bytes, bytes]:
    """The head and the body of the answer, whatever its status."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEYS['client']}", "anthropic-version": "2023-06-01"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return str(reply.headers).encode(), reply.read()
    except urllib.error.HTTPError as refusal:
        return str(refusal.headers).encode(), refusal.read()


def questions() -> list[tuple[str, dict]]:
    """Every provider through every door, whole and streamed, to good and bad ends."""
    prompts = (f"hello {PHRASE}", f"refuse 500 {PHRASE}", f"refuse 401 {PHRASE} {TYPED}")
    asked = {model: prompts for model in ("openai/gpt-4o", "anthropic/claude-sonnet-5-5", "google/gemini-2.5-flash", "lab/gpt-4o")}
    asked |= {model: (f"break off {PHRASE}",) for model in ("mended", "broken")}
    bodies = []
    for model, prompts in asked.items():
        for prompt in prompts:
            messages = [{"role": "user", "content": prompt}]
            for stream in (False, True):
                head = {"model": model, "stream": stream}
                bodies.append(("/v1/responses", head | {"input": prompt, "instructions": PHRASE, "store": False}))
                bodies.append(("/v1/chat/completions", head | {"messages": messages}))
                bodies.append(("/v1/messages", head | {"messages": messages, "max_tokens": 100}))
    # Stored, and without the phrase: what is stored is what was said.
    bodies.append(("/v1/responses", {"model": "openai/gpt-4o", "input": "hello", "store": True}))
    # What is not understood, with the phrase where a reader's complaint might quote it.
    head = {"model": "openai/gpt-4o", "max_tokens": 100, "store": False}
    for wrong in (PHRASE, [PHRASE], [{"role": PHRASE, "content": "x"}], [{"role": "user", "content": {"x": PHRASE}}], [{"role": "user", "content": [{"type": PHRASE}]}], [{"type": PHRASE, "role": "user", "content": 7}]):
        bodies += [("/v1/chat/completions", head | {"messages": wrong}), ("/v1/messages", head | {"messages": wrong})]
        bodies += [] if wrong == PHRASE else [("/v1/responses", head | {"input": wrong})]
    for field, value in (("instructions", [PHRASE]), ("temperature", PHRASE), ("tool_choice", PHRASE), ("tools", [PHRASE]), ("text", {"format": {"type": PHRASE}}), ("reasoning", {"effort": PHRASE}), ("include", [PHRASE])):
        bodies.append(("/v1/responses", head | {"input": "hello", field: value}))
    return bodies


class Findings:
    """What was found where it must not be."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def keys(self, place: str, data: bytes) -> None:
        self.lines += [f"{name}'s key in {place}" for name, key in KEYS.items() if key.encode() in data]

    def all(self, place: str, data: bytes) -> None:
        self.keys(place, data)
        self.lines += [f"the {what} in {place}" for what, text in (("prompt", PHRASE), ("prompt's key", TYPED)) if text.encode() in data]

    def asked_for(self, place: str, data: bytes, content: str) -> None:
        """Where the configuration decides about the prompt."""
        if content == "false":
            return self.all(place, data)
        self.keys(place, data)
        if TYPED.encode() in data:
            self.lines.append(f"a key of the prompt in {place}")
        if PHRASE.encode() not in data:
            self.lines.append(f"no prompt in {place}, though it was asked for")


def run(binary: str, up: int, collector: int, level: str, content: str) -> tuple[list[str], int, int]:
    """Drives one gateway; what was found, how many answers it gave, and how much it logged."""
    port, admin = free_port(), free_port()
    found = Findings()
    Collector.taken = []
    with tempfile.TemporaryDirectory() as home:
        config = pathlib.Path(home, "config.yaml")
        text = f"""
server: {{ address: "127.0.0.1:{port}", admin: "127.0.0.1:{admin}", keys: [{{ name: canary, key: "{KEYS['client']}" }}] }}
providers:
  openai:    {{ api_key: "{KEYS['openai']}", base_url: "http://127.0.0.1:{up}/v1" }}
  anthropic: {{ api_key: "{KEYS['anthropic']}", base_url: "http://127.0.0.1:{up}" }}
  google:    {{ api_key: "{KEYS['google']}", base_url: "http://127.0.0.1:{up}" }}
  lab:       {{ type: openai-compatible, api_key: "{KEYS['lab']}", base_url: "http://127.0.0.1:{up}/v1" }}
models:
  mended: {{ targets: [lab/gpt-4o], on_cut: continue }}
  broken: {{ targets: [lab/gpt-4o] }}
log: {{ content: {content} }}
defaults: {{ retry: {{ attempts: 1 }}, breaker: {{ min_requests: 1000000, consecutive: 1000000 }} }}
"""
        config.write_text(text)
        config.chmod(0o600)
        env = {"PATH": os.environ["PATH"], "HOME": home, "LLMGW_LOG": level, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector}",
               "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={KEYS['collector']}", "OTEL_BSP_SCHEDULE_DELAY": "50",
               "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY" if content == "true" else "NO_CONTENT"}
        log = open(pathlib.Path(home, "log"), "wb")
        server = subprocess.Popen([binary, "serve", "--config", str(config)], env=env, stdout=log, stderr=log)
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            asked = questions()
            for path, body in asked:
                head, answer = send(port, path, json.dumps(body).encode())
                found.all(f"a header of {path} for {body['model']}", head)
                found.keys(f"an answer of {path} for {json.dumps(body)}", answer)
            _, answer = send(port, "/v1/responses", f'{{"model": "openai/gpt-4o", "input": "{PHRASE}", }}'.encode())
            found.keys("the refusal of what is no JSON", answer)
            explained = json.dumps({"model": "mended", "input": f"hello {PHRASE}"}).encode()
            pages(found, admin, explained)
            shown = subprocess.run([binary, "config", "show", "--config", str(config)], env=env, capture_output=True, check=False)
            found.all("`config show`", shown.stdout + shown.stderr)
            told = subprocess.run([binary, "usage", "-j", "--config", str(config)], env=env, capture_output=True, check=True)
            found.all("`usage`", told.stdout + told.stderr)
            if json.loads(told.stdout)["total"]["requests"] < len(asked):
                found.lines.append("the ledger lacks requests: this run proves nothing of it")
            files(found, home, config, "while it runs")
            for broken in (text.replace("models:", f'  more: {{ api_key: ["{KEYS["lab"]}"] }}\nmodels:'), text.replace(f'key: "{KEYS["client"]}" }}', f'key: "{KEYS["client"]}" ')):
                config.write_text(broken)
                server.send_signal(signal.SIGHUP)
                time.sleep(0.2)
                found.all("/readyz over a broken configuration", send(port, "/readyz", None)[1])
                check = subprocess.run([binary, "config", "check", "--config", str(config)], env=env, capture_output=True, check=False)
                found.all("`config check` of a broken configuration", check.stdout + check.stderr)
            pages(found, admin, explained)
        finally:
            server.terminate()
            server.wait(10)
            log.close()
        files(found, home, config, "after its end")
        logged = pathlib.Path(home, "log").read_bytes()
        found.asked_for(f"the log at {level}", logged, content)
        if not Collector.taken:
            found.lines.append("no spans came: this run proves nothing of them")
        found.asked_for("the spans", b"".join(Collector.taken), content)
    return found.lines, len(asked), len(logged)


def pages(found: Findings, admin: int, explained: bytes) -> None:
    """All that the admin listener shows."""
    for page in ("/metrics", "/readyz", "/healthz", *(f"/admin/usage?by={by}" for by in ("model", "key", "route", "day"))):
        found.all(page, b"".join(send(admin, page, None)))
    found.all("/admin/explain", b"".join(send(admin, "/admin/explain", explained)))
    # With the request as it would be sent: the prompt is asked for, the key is not.
    head, answer = send(admin, "/admin/explain?detail=request", explained)
    found.keys("/admin/explain?detail=request", head + answer)


def files(found: Findings, home: str, config: pathlib.Path, when: str) -> None:
    """Every file but the configuration and the log: the database, its write-ahead log, what else there is."""
    for file in pathlib.Path(home).rglob("*"):
        if file.is_file() and file not in (config, pathlib.Path(home, "log")):
            found.all(f"{file.relative_to(home)} {when}", file.read_bytes())


def serve(handler: type) -> int:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main() -> int:
    binary = os.path.abspath(sys.argv[1])
    upstream, collector = serve(Upstream), serve(Collector)
    found: list[str] = []
    answers = size = 0
    for level, content in (("trace", "false"), ("debug", "false"), ("info", "false"), ("warn", "false"), ("info", "true"), ("trace", "true")):
        more, answered, logged = run(binary, upstream, collector, level, content)
        found += more
        answers += answered
        size += logged
    lacking = {"openai", "anthropic", "google", "lab", "collector"} - Upstream.seen
    found += [f"nobody ever saw {name}'s key: this run proves nothing" for name in lacking]
    found += [name for name in Upstream.seen if " in the URL" in name]
    for line in sorted(set(found)):
        print("FOUND", line)
    print(f"{answers} answers and {size} bytes of log searched, {len(set(found))} leaks found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
