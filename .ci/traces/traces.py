#!/usr/bin/env python3
"""Receives the gateway's spans and holds them against OpenTelemetry's own definitions: traces.py BINARY.

The messages are read by the generated code of `opentelemetry-proto`, strictly; the names of attributes and the values of
enumerations are those of `opentelemetry-semantic-conventions`. Then the collector is slow, dead, or refuses, and no
request may notice."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import secrets
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

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes, url_attributes

# Made up anew each time: canaries that must be nowhere, and open nothing.
KEYS = {name: f"{prefix}-canary-{secrets.token_hex(10)}" for name, prefix in {"openai": "sk", "lab": "lab", "client": "gw"}.items()}
PROMPT = "the-prompt-canary-9f3b"
COLLECTOR_KEY = "collector-canary-55"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MODULES = (gen_ai_attributes, error_attributes, http_attributes, server_attributes, url_attributes)
# What is deprecated within the convention has no place in new spans.
OLD = {"gen_ai.system", "gen_ai.prompt", "gen_ai.completion", "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"}
KNOWN = {value for module in MODULES for name, value in vars(module).items() if name.isupper() and isinstance(value, str)} - OLD
PROVIDERS = {item.value for item in gen_ai_attributes.GenAiProviderNameValues}
OPERATIONS = {item.value for item in gen_ai_attributes.GenAiOperationNameValues}
SERVER, CLIENT, ERROR = 2, 3, 2
failures: list[str] = []


def expect(condition: object, what: str) -> None:
    if not condition:
        failures.append(what)
        print(f"MISS {what}")


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def reply(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except BrokenPipeError:
            pass  # whoever asked did not wait

    def log_message(self, *_: object) -> None:
        pass


class Upstream(Quiet):
    """Speaks Chat Completions. A model whose name begins with `busy` is over its limit."""

    parents: list[tuple[str, str | None, str | None]] = []

    def do_POST(self) -> None:
        request = json.loads(self.body())
        model = request["model"]
        Upstream.parents.append((model, self.headers.get("traceparent"), self.headers.get("tracestate")))
        if model.startswith("busy"):
            return self.reply(429, json.dumps({"error": {"message": f"slow down: {PROMPT}", "code": "rate_limit_exceeded"}}).encode())
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
                 "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}}
        if not request.get("stream"):
            finish, message = "stop", {"role": "assistant", "content": "hi"}
            if request.get("tools"):
                call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                finish, message = "tool_calls", {"role": "assistant", "content": None, "tool_calls": [call]}
            body = {"id": "c", "object": "chat.completion", "created": 1, "model": f"{model}-2026", "usage": usage,
                    "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
            return self.reply(200, json.dumps(body).encode())
        chunks = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}}]},
                  {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
                  {"choices": [], "usage": usage}]
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": f"{model}-2026"}
        body = "".join(f"data: {json.dumps(head | chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        return self.reply(200, body.encode(), "text/event-stream")


class Collector(Quiet):
    """Takes spans. `statuses` are answered first."""

    spans: list = []
    resources: list = []
    bodies: list[bytes] = []
    statuses: list[int] = []
    problems: list[str] = []
    sleep = 0.0

    def do_POST(self) -> None:
        body = self.body()
        time.sleep(Collector.sleep)
        if self.path != "/v1/traces" or self.headers.get("x-collector-key") != COLLECTOR_KEY:
            Collector.problems.append(f"{self.path} without its key")
        if Collector.statuses:
            return self.reply(Collector.statuses.pop(0), b"")
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        Collector.bodies.append(body)
        kind = self.headers["content-type"]
        try:
            export = read_json(body) if kind == "application/json" else ExportTraceServiceRequest.FromString(body)
            for of_resource in export.resource_spans:
                Collector.resources.append({pair.key: pair.value.string_value for pair in of_resource.resource.attributes})
                for scoped in of_resource.scope_spans:
                    Collector.spans += scoped.spans
        except Exception as error:
            Collector.problems.append(f"{kind}: {error!r}")
        return self.reply(200, b"{}" if kind == "application/json" else b"", kind)

    @staticmethod
    def reset() -> None:
        Collector.spans, Collector.resources, Collector.bodies, Collector.problems = [], [], [], []


def read_json(body: bytes) -> ExportTraceServiceRequest:
    """Ids are hex in OTLP/JSON, where protobuf's own JSON has base64; all else is read by the generated code, which
    refuses names that it does not know."""
    import base64

    document = json.loads(body)
    for of_resource in document["resourceSpans"]:
        for scoped in of_resource["scopeSpans"]:
            for span in scoped["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
                for name in ("startTimeUnixNano", "endTimeUnixNano"):
                    assert isinstance(span[name], str), "64-bit integers are text"
    return json_format.ParseDict(document, ExportTraceServiceRequest())


def serve(handler: type) -> tuple[http.server.ThreadingHTTPServer, int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_port


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    def __init__(self, binary: str, upstream: int, collector: int, **variables: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="llmgw-ci-")
        root = Path(self.folder.name)
        self.port = free_port()
        config = root / "config.yaml"
        config.write_text(f"""
server: {{ keys: [{{ name: ci, key: {KEYS['client']} }}] }}
store: {{ kind: memory }}
log: {{ level: debug }}
providers:
  openai: {{ api: chat, api_key: {KEYS['openai']}, base_url: "http://127.0.0.1:{upstream}/v1" }}
  lab: {{ type: openai-compatible, api_key: {KEYS['lab']}, base_url: "http://127.0.0.1:{upstream}/v1" }}
models:
  smart: {{ targets: [lab/busy-1, openai/good-1] }}
""")
        env = {"PATH": os.environ["PATH"], "HOME": str(root), "XDG_STATE_HOME": str(root), **variables}
        if collector:
            env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector}", "OTEL_BSP_SCHEDULE_DELAY": "100",
                    "OTEL_EXPORTER_OTLP_HEADERS": f"x-collector-key={COLLECTOR_KEY}", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=ci", **variables}
        self.log = root / "log"
        command = [binary, "serve", "--config", str(config), "--address", f"127.0.0.1:{self.port}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"the gateway does not listen: {self.log.read_text()}")

    def ask(self, model: str, path: str = "/v1/responses", headers: dict | None = None, **more: object) -> int:
        key = "messages" if path.endswith(("completions", "messages")) else "input"
        value = [{"role": "user", "content": PROMPT}] if key == "messages" else PROMPT
        body = json.dumps({"model": model, key: value, **more}).encode()
        head = {"content-type": "application/json", "authorization": f"Bearer {KEYS['client']}", **(headers or {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, head)
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                reply.read()
                return reply.status
        except urllib.error.HTTPError as error:
            error.read()
            return error.code

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)
        text = self.log.read_text()
        self.folder.cleanup()
        return text


def attributes(span) -> dict:
    def value(any_value):
        kind = any_value.WhichOneof("value")
        if kind == "array_value":
            return [value(one) for one in any_value.array_value.values]
        return getattr(any_value, kind)

    return {pair.key: value(pair.value) for pair in span.attributes}


def conventions(spans: list) -> None:
    ids = [(span.trace_id, span.span_id) for span in spans]
    expect(len(ids) == len(set(ids)), "span ids are unique")
    for span in spans:
        found = attributes(span)
        unknown = {name for name in found if name not in KNOWN and not name.startswith("llmgw.")}
        expect(not unknown, f"{span.name}: {unknown} are in no convention")
        expect(len(found) == len(span.attributes), f"{span.name}: an attribute stands twice")
        expect(len(span.trace_id) == 16 and len(span.span_id) == 8, f"{span.name}: the lengths of its ids")
        expect(0 < span.start_time_unix_nano <= span.end_time_unix_nano, f"{span.name}: its times")
        expect(abs(span.start_time_unix_nano / 1e9 - time.time()) < 600, f"{span.name}: it is of today")
        expect(found.get("gen_ai.operation.name") in OPERATIONS, f"{span.name}: operation {found.get('gen_ai.operation.name')}")
        if span.kind == CLIENT:
            for name in ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port"):
                expect(name in found, f"{span.name}: {name} is missing")
            expect(span.name == f"{found['gen_ai.operation.name']} {found['gen_ai.request.model']}", f"{span.name}: its name")
        else:
            expect(span.kind == SERVER, f"{span.name}: kind {span.kind}")
            for name in ("http.request.method", "url.path", "url.scheme", "http.route", "http.response.status_code"):
                expect(name in found, f"{span.name}: {name} is missing")
            expect(span.name == f"{found['http.request.method']} {found['http.route']}", f"{span.name}: its name")
        expect((span.status.code == ERROR) == ("error.type" in found), f"{span.name}: status and error.type agree")


def names(binary: str, upstream: int, collector: int, variables: dict) -> None:
    """All that a span can hold, in one protocol."""
    Collector.reset()
    Upstream.parents = []
    gateway = Gateway(binary, upstream, collector, **variables)
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
    statuses = [
        gateway.ask("smart", headers={"traceparent": PARENT, "tracestate": "rojo=1"}, temperature=0.5, max_output_tokens=64),
        gateway.ask("openai/good-1", stream=True),
        gateway.ask("openai/good-1", tools=[tool]),
        gateway.ask("lab/busy-2", path="/v1/chat/completions"),
        gateway.ask("nobody/knows"),
        gateway.ask("demo", path="/v1/messages", max_tokens=5),
    ]
    expect(statuses[:3] == [200] * 3 and statuses[3] == 429 and statuses[4] >= 400, f"statuses {statuses}")
    log = gateway.stop()
    expect(not Collector.problems, f"the collector's problems: {Collector.problems[:3]}")
    spans = Collector.spans
    servers = [span for span in spans if span.kind == SERVER]
    expect(len(servers) == 6, f"one server span a request, not {len(servers)}")
    for span in spans:
        if attributes(span).get("gen_ai.provider.name") in ("lab", "demo"):
            continue
        name = attributes(span).get("gen_ai.provider.name", "openai")
        expect(name in PROVIDERS, f"{name} is a known provider")
    # `demo` is in this process, and no server.
    conventions([span for span in spans if attributes(span).get("llmgw.provider") != "demo"])

    by_id = {span.span_id: span for span in spans}
    first = next(span for span in servers if span.trace_id.hex() == PARENT[3:35])
    found = attributes(first)
    expect(first.parent_span_id.hex() == PARENT[36:52] and first.trace_state == "rojo=1", "the caller's span is the parent")
    wanted = {"http.response.status_code": 200, "gen_ai.request.model": "smart", "gen_ai.response.model": "good-1-2026", "gen_ai.provider.name": "openai",
              "gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7, "gen_ai.usage.cache_read.input_tokens": 4,
              "gen_ai.usage.reasoning.output_tokens": 3, "gen_ai.response.finish_reasons": ["stop"], "gen_ai.request.temperature": 0.5,
              "gen_ai.request.max_tokens": 64, "llmgw.key": "ci", "llmgw.alias": "smart", "llmgw.attempts": 2}
    for name, value in wanted.items():
        expect(found.get(name) == value, f"{name} is {found.get(name)!r}, not {value!r}")
    below = [span for span in spans if span.trace_id == first.trace_id and span.kind == CLIENT]
    expect([span.name for span in below] == ["chat busy-1", "chat good-1"], f"attempts {[span.name for span in below]}")
    expect(all(span.parent_span_id == first.span_id for span in below), "attempts stand below the request")
    expect(attributes(below[0]).get("error.type") == "rate_limit_exceeded", f"cause {attributes(below[0]).get('error.type')}")
    for span in below:
        sent = [(parent, state) for model, parent, state in Upstream.parents if span.name.endswith(model)]
        mine = f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"
        expect((mine, "rojo=1") in sent, f"{span.name}: the upstream got {sent[:1]}, not {mine}")
    stream = next(span for span in spans if attributes(span).get("gen_ai.request.stream") and span.kind == CLIENT)
    expect(attributes(stream).get("gen_ai.response.finish_reasons") == ["length"], "a cut by length is told")
    expect(attributes(stream).get("gen_ai.response.time_to_first_chunk", 0) > 0, "time to first chunk")
    tools = [span for span in spans if attributes(span).get("gen_ai.response.finish_reasons") == ["tool_call"]]
    expect(len(tools) == 2, f"a tool call is told in {len(tools)} spans")
    expect(all(not span.parent_span_id or span.parent_span_id in by_id or span is first for span in spans), "no span is an orphan")
    for resource in Collector.resources:
        wanted = {"service.name": variables.get("OTEL_SERVICE_NAME", "llmgw"), "deployment.environment.name": "ci", "telemetry.sdk.language": "rust"}
        expect(wanted.items() <= resource.items(), f"resource {resource}")
    everything = b"".join(Collector.bodies)
    for what, canary in {**KEYS, "prompt": PROMPT, "collector": COLLECTOR_KEY}.items():
        expect(canary.encode() not in everything, f"{what} is in a span")
        if what != "prompt":
            expect(canary not in log, f"{what} is in the log")
    print(f"ok   {len(spans)} spans, {variables or 'defaults'}")


def content(binary: str, upstream: int, collector: int) -> None:
    """With the convention's switch, and only then, spans hold what was said: once for each request, without keys."""
    switch = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
    for word, shown in (("NO_CONTENT", False), ("SPAN_ONLY", True), ("true", True)):
        Collector.reset()
        gateway = Gateway(binary, upstream, collector, **{switch: word})
        key = f"do not tell {KEYS['lab']}"
        gateway.ask("smart", instructions=f"Be brief. {key}")
        gateway.ask("openai/good-1", path="/v1/chat/completions", stream=True)
        gateway.ask("openai/good-1", tools=[tool])
        gateway.ask("lab/busy-2")
        log = gateway.stop()
        expect(not Collector.problems, f"the collector's problems: {Collector.problems[:3]}")
        conventions(Collector.spans)
        everything = b"".join(Collector.bodies)
        for what, canary in KEYS.items():
            expect(canary.encode() not in everything and canary not in log, f"{what} is in a span or in the log")
        expect(PROMPT not in log, "the prompt is in the log, which nobody asked for")
        spans = [attributes(span) for span in Collector.spans if span.kind == CLIENT and "gen_ai.input.messages" in attributes(span)]
        names = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")
        if not shown:
            expect(PROMPT.encode() not in everything and not spans, f"{word}: the prompt is in a span")
            continue
        expect(len(spans) == 4, f"{word}: {len(spans)} spans of 4 requests have what was said")
        expect(not any(name in attributes(span) for span in Collector.spans if span.kind == SERVER for name in names), f"{word}: it stands twice")
        asked = [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
        expect(all(json.loads(found["gen_ai.input.messages"]) == asked for found in spans), f"{word}: the input is {spans[0]['gen_ai.input.messages']}")
        said = {"role": "assistant", "parts": [{"type": "text", "content": "hi"}]}
        called = {"role": "assistant", "parts": [{"type": "tool_call", "id": "call_1", "name": "f", "arguments": {}}], "finish_reason": "tool_call"}
        wanted = [[said | {"finish_reason": "stop"}], [said | {"finish_reason": "length"}], [called], None]
        for found, answer in zip(spans, wanted):
            output = found.get("gen_ai.output.messages")
            expect((output and json.loads(output)) == answer, f"{word}: the output is {output}, not {answer}")
        system = json.loads(spans[0].get("gen_ai.system_instructions", "null"))
        expect(system == [{"type": "text", "content": "Be brief. do not tell (redacted)"}], f"{word}: the instructions are {system}")
    print("ok   what was said is in spans where it is asked for, without keys")


def retry(binary: str, upstream: int, collector: int) -> None:
    """What the specification calls retryable is tried again; nothing is lost."""
    Collector.reset()
    Collector.statuses = [503, 429]
    gateway = Gateway(binary, upstream, collector)
    gateway.ask("openai/good-1")
    deadline = time.time() + 8
    while not Collector.spans and time.time() < deadline:
        time.sleep(0.05)
    expect(len(Collector.spans) == 2, f"after 503 and 429 come {len(Collector.spans)} spans")
    gateway.stop()
    print("ok   a collector that is busy is asked again")


def sampling(binary: str, upstream: int, collector: int) -> None:
    Collector.reset()
    Upstream.parents = []
    gateway = Gateway(binary, upstream, collector, OTEL_TRACES_SAMPLER="parentbased_always_off")
    gateway.ask("openai/good-1")
    gateway.ask("openai/good-1", headers={"traceparent": PARENT})
    gateway.stop()
    flags = [parent[-2:] for _, parent, _ in Upstream.parents]
    expect(len(Collector.spans) == 2 and flags == ["02", "01"] or flags == ["00", "01"], f"{len(Collector.spans)} spans, flags {flags}")

    # Off: what came goes on as it came, and nothing is made up.
    Upstream.parents = []
    gateway = Gateway(binary, upstream, 0)
    gateway.ask("openai/good-1")
    gateway.ask("openai/good-1", headers={"traceparent": PARENT, "tracestate": "a=b"})
    gateway.stop()
    expect([seen[1:] for seen in Upstream.parents] == [(None, None), (PARENT, "a=b")], f"passed on {Upstream.parents}")
    print("ok   sampling, and passing on without traces")


def quantiles(gateway: Gateway, count: int) -> tuple[float, float]:
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        status = gateway.ask("openai/good-1")
        times.append(time.perf_counter() - begun)
        expect(status == 200, f"status {status}")
    return statistics.median(times), max(times)


def trouble(binary: str, upstream: int, collector: int) -> None:
    """A collector that is dead, slow or full never touches a request, and what it misses is counted."""
    gateway = Gateway(binary, upstream, free_port(), OTEL_BSP_MAX_QUEUE_SIZE="4", OTEL_EXPORTER_OTLP_TIMEOUT="300")
    median, worst = quantiles(gateway, 60)
    expect(worst < 2, f"dead: the slowest request took {worst:.3f} s")
    log = gateway.stop()
    expect("spans of requests are dropped" in log and '"dropped":' in log, "dead: the drops are told of")
    print(f"ok   dead collector: median {median * 1000:.1f} ms, slowest {worst * 1000:.1f} ms")

    Collector.reset()
    Collector.sleep = 3.0
    gateway = Gateway(binary, upstream, collector, OTEL_BSP_MAX_QUEUE_SIZE="4", OTEL_EXPORTER_OTLP_TIMEOUT="1000")
    median, worst = quantiles(gateway, 60)
    expect(worst < 2, f"slow: the slowest request took {worst:.3f} s")
    begun = time.time()
    gateway.stop()
    expect(time.time() - begun < 5, "slow: the process ends all the same")
    Collector.sleep = 0.0
    print(f"ok   slow collector: median {median * 1000:.1f} ms, slowest {worst * 1000:.1f} ms")


def main() -> None:
    binary = sys.argv[1]
    _, upstream = serve(Upstream)
    _, collector = serve(Collector)
    for variables in ({}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_SERVICE_NAME": "edge"}, {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}):
        names(binary, upstream, collector, variables)
    content(binary, upstream, collector)
    retry(binary, upstream, collector)
    sampling(binary, upstream, collector)
    trouble(binary, upstream, collector)
    if failures:
        sys.exit(f"{len(failures)} misses")


main()
