#!/usr/bin/env python3
"""No key may appear in anything that is logged, returned or written, and no prompt in any log or metric: secrets.py BINARY.

Boots the gateway with known keys at several log levels with everything on, before upstreams that answer well and
upstreams that refuse and repeat key and prompt in their refusal, drives every provider and every door, whole and streamed,
and looks for the keys in every byte, and for a phrase of the prompts in the log and on the page of metrics. The phrase may
be in the log only where `log.content` asks for it, and there it must be."""

import http.server
import json
import os
import pathlib
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def post(port: int, path: str, body: dict) -> bytes:
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEYS['client']}", "anthropic-version": "2023-06-01"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return str(reply.headers).encode() + reply.read()
    except urllib.error.HTTPError as refusal:
        return str(refusal.headers).encode() + refusal.read()


def run(binary: str, up: int, level: str, content: str) -> tuple[list[str], int, int]:
    """Drives one gateway; what was found, how many answers it gave, and how much it logged."""
    port, admin = free_port(), free_port()
    found: list[str] = []
    with tempfile.TemporaryDirectory() as home:
        config = pathlib.Path(home, "config.yaml")
        config.write_text(f"""
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
""")
        config.chmod(0o600)
        env = {"PATH": os.environ["PATH"], "HOME": home, "LLMGW_LOG": level}
        log = open(pathlib.Path(home, "log"), "wb")
        server = subprocess.Popen([binary, "serve", "--config", str(config)], env=env, stdout=log, stderr=log)
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            answers = 0
            prompts = (f"hello {PHRASE}", f"refuse 500 {PHRASE}", f"refuse 401 {PHRASE} {TYPED}")
            asked = {model: prompts for model in ("openai/gpt-4o", "anthropic/claude-sonnet-5-5", "google/gemini-2.5-flash", "lab/gpt-4o")}
            asked |= {model: (f"break off {PHRASE}",) for model in ("mended", "broken")}
            for model, prompts in asked.items():
                for prompt in prompts:
                    for stream in (False, True):
                        for path, body in (
                            ("/v1/responses", {"input": prompt, "store": True}),
                            ("/v1/chat/completions", {"messages": [{"role": "user", "content": prompt}]}),
                            ("/v1/messages", {"messages": [{"role": "user", "content": prompt}], "max_tokens": 100}),
                        ):
                            answer = post(port, path, {"model": model, "stream": stream, **body})
                            answers += bool(answer)
                            found += [f"{name}'s key in an answer of {path} for {model}, {prompt}" for name, key in KEYS.items() if key.encode() in answer]
            page = urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10).read()
            found += [f"{name}'s key in the metrics" for name, key in KEYS.items() if key.encode() in page]
            found += ["the prompt in the metrics"] * (PHRASE.encode() in page)
            shown = subprocess.run([binary, "config", "show", "--config", str(config)], env=env, capture_output=True, check=False)
            found += [f"{name}'s key in `config show`" for name, key in KEYS.items() if key.encode() in shown.stdout + shown.stderr]
        finally:
            server.terminate()
            server.wait(10)
            log.close()
        for file in pathlib.Path(home).rglob("*"):
            if file.is_file() and file != config:
                data = file.read_bytes()
                found += [f"{name}'s key in {file.relative_to(home)}" for name, key in KEYS.items() if key.encode() in data]
        logged = pathlib.Path(home, "log").read_bytes()
        if PHRASE.encode() in logged and content == "false":
            found.append(f"the prompt in the log at {level}")
        if PHRASE.encode() not in logged and content == "true":
            found.append(f"no prompt in the log at {level}, though it was asked for")
        if TYPED.encode() in logged:
            found.append(f"a key of the prompt in the log at {level}")
    return found, answers, len(logged)


def main() -> int:
    binary = os.path.abspath(sys.argv[1])
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    found: list[str] = []
    answers = size = 0
    for level, content in (("trace", "false"), ("debug", "false"), ("info", "false"), ("warn", "false"), ("info", "true"), ("trace", "true")):
        more, answered, logged = run(binary, upstream.server_port, level, content)
        found += more
        answers += answered
        size += logged
    lacking = {"openai", "anthropic", "google", "lab"} - Upstream.seen
    found += [f"{name}'s upstream never saw its key: this run proves nothing" for name in lacking]
    found += [name for name in Upstream.seen if " in the URL" in name]
    for line in sorted(set(found)):
        print("FOUND", line)
    print(f"{answers} answers and {size} bytes of log searched, {len(set(found))} leaks found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
