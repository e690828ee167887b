"""The simulator, the gateways before it, and one request at a time with everything that every reply must satisfy."""

from __future__ import annotations

import atexit
import http.client
import http.server
import importlib
import itertools
import json
import subprocess
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import stream as streams
from gateway import Answer, Gateway, Schemas, free_port

CONFIG = """
providers:
  openai:    {{ api_key: "sk-sim-openai", base_url: "http://127.0.0.1:{port}/v1" }}
  anthropic: {{ api_key: "sk-sim-anthropic", base_url: "http://127.0.0.1:{port}" }}
  google:    {{ api_key: "sim-google", base_url: "http://127.0.0.1:{port}" }}
  lab:       {{ type: openai-compatible, api_key: "sim-lab", base_url: "http://127.0.0.1:{port}/v1" }}
models:
  ladder: {{ targets: [openai/gpt-6-luna, anthropic/claude-sonnet-5-5, google/gemini-3.8-flash] }}
defaults:
  timeouts: {{ connect: 1s, first_token: 6s, idle: 3s, total: 30s }}
  retry:    {{ attempts: {attempts}, base: 10ms, max: 50ms, retry_after_max: 1s }}
  breaker:  {{ min_requests: 1000000, consecutive: 1000000 }}
fetch: {{ allow: [{allow}] }}
log:   {{ level: info, format: json }}
"""


@dataclass(frozen=True)
class Lane:
    """One model at one provider. Lanes run side by side, the cases of one lane one after the other."""

    provider: str
    model: str
    upstream: str
    reasons: bool = True
    can_be_forced: bool = True

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def is_chat(self) -> bool:
        return self.provider == "lab"


class Simulator:
    """The provider simulator as a process, and its own code to say what it should have answered."""

    def __init__(self, package: Path) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", package.name, "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=package.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(self.process.kill)  # also where a gateway does not start
        sys.path.insert(0, str(package.parent))
        load = lambda name: importlib.import_module(f"{package.name}.{name}")  # noqa: E731
        self.directives, self.planning = load("directives"), load("plan")
        state = load("state").State
        self.apis = {"openai": load("openai_api").OpenAI(state()), "anthropic": load("anthropic_api").Anthropic(state()), "google": load("google_api").Google(state())}
        for _ in range(100):
            try:
                self.get("/_sim/health")
                return
            except OSError:
                time.sleep(0.1)
        sys.exit("the simulator does not listen")

    def request(self, method: str, path: str, body: dict | None = None) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def get(self, path: str) -> dict:
        return self.request("GET", path)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def last(self, lane: Lane) -> dict | None:
        """The last request that reached this lane's model."""
        query = urllib.parse.urlencode({"provider": lane.upstream, "model": lane.model, "limit": 1})
        found = self.get(f"/_sim/log?{query}")["requests"]
        return found[-1] if found else None

    def plan(self, entry: dict):
        """What the simulator answers to this request, by its own rules."""
        endpoint = {"/v1/responses": "responses", "/v1/chat/completions": "chat", "/v1/messages": "messages"}.get(entry["path"], "generate")
        api = self.apis[entry["provider"]]
        facts = api.facts(endpoint, entry["body"], entry["model"])
        found = self.planning.collect(facts, self.directives.Directives(), self.directives.Directives())
        return self.planning.make(facts, found, entry["headers"])


class Pictures(http.server.BaseHTTPRequestHandler):
    """A web server on loopback with one picture, which a gateway must not fetch unless it is told that it may."""

    png = bytes()
    fetched: list[str] = []

    def do_GET(self) -> None:  # noqa: N802 (the name that http.server asks for)
        Pictures.fetched.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(self.png)))
        self.end_headers()
        self.wfile.write(self.png)

    def log_message(self, *_: object) -> None:
        pass


class Bench:
    """Everything that runs: one simulator, a gateway that tries once, and one that tries again and may fetch."""

    def __init__(self, binary: str, package: Path, openapi: str) -> None:
        self.schemas = Schemas(openapi)
        self.sim = Simulator(package)
        self.pictures = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
        threading.Thread(target=self.pictures.serve_forever, daemon=True).start()
        self.pictures_at = f"http://127.0.0.1:{self.pictures.server_port}"
        self.once = Gateway(binary, CONFIG.format(port=self.sim.port, attempts=1, allow=""))
        self.again = Gateway(binary, CONFIG.format(port=self.sim.port, attempts=3, allow='"127.0.0.1"'))
        self.numbers = itertools.count(1)

    def stop(self) -> None:
        for gateway in (self.once, self.again):
            gateway.__exit__()
        self.pictures.shutdown()
        self.sim.stop()


class Run:
    """One case on one lane in one delivery: asks, and collects what is wrong."""

    def __init__(self, bench: Bench, lane: Lane, streamed: bool) -> None:
        self.bench, self.lane, self.streamed = bench, lane, streamed
        self.problems: list[str] = []

    def need(self, holds: bool, problem: str) -> bool:
        if not holds:
            self.problems.append(problem)
        return holds

    def equal(self, got: object, want: object, what: str) -> bool:
        return self.need(got == want, f"{what}: {shown(got)} where {shown(want)} was right")

    def ask(self, asked: str | list, gateway: Gateway | None = None, **fields: object) -> Answer:
        """One request; every reply must have a sound head, fit the schema and obey the grammar."""
        number = f"sim-{next(self.bench.numbers)}"
        body = {"model": self.lane.name, "input": asked, "stream": self.streamed, **fields}
        headers = {"x-llmgw-profile": "strict", "x-request-id": number}
        answer = (gateway or self.bench.once).post(body, headers=headers)
        self.equal(answer.headers.get("x-request-id"), number, "x-request-id")
        self.equal(answer.stream is not None, self.streamed and answer.status == 200, "a stream")
        self.problems += self.bench.schemas.problems(answer)
        if answer.stream is not None:
            self.problems += streams.Grammar().check(answer.stream)
        if answer.status == 200 and body["model"] == self.lane.name:
            self.equal(answer.headers.get("x-llmgw-model"), self.lane.name, "x-llmgw-model")
            self.need(answer.headers.get("x-llmgw-attempts", "").isdigit(), "no x-llmgw-attempts")
        return answer

    def entry(self) -> dict | None:
        return self.bench.sim.last(self.lane)

    def right(self, answer: Answer, status: str = "completed") -> dict | None:
        """The answer is what the simulator meant: text, calls, usage, status. Gives the response back."""
        if not self.need(answer.status == 200, f"HTTP {answer.status}: {shown(answer.error)}"):
            return None
        response = answer.response
        if not self.need(response is not None, "no terminal event"):
            return None
        if not self.equal(response["status"], status, f"status ({shown(response.get('error'))})"):
            return response
        plan = self.bench.sim.plan(self.entry())
        said = plan.commentary if plan.calls else plan.text
        self.equal(streams.text(response), said, "text")
        called = [(c["name"], json.loads(c["arguments"])) for c in streams.calls(response)]
        self.equal(called, [(c.name, c.args) for c in plan.calls], "calls")
        usage = response["usage"]
        if self.need(usage is not None, "no usage"):
            want = (plan.prompt_tokens, plan.cached, plan.output_tokens, plan.reasoning_tokens, plan.prompt_tokens + plan.output_tokens)
            got = (usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"], usage["output_tokens"], usage["output_tokens_details"]["reasoning_tokens"], usage["total_tokens"])
            self.equal(got, want, "usage (input, cached, output, reasoning, total)")
        return response

    def ask_soundly(self, asked: str | list, **fields: object) -> Answer:
        """One request that may be answered, or refused before anybody is asked: never passed on to be refused there."""
        answer = self.ask(asked, **fields)
        if answer.status == 200:
            status = (answer.response or {}).get("status")
            self.need(status in ("completed", "incomplete"), f"ended as {status}: {shown(answer.error)}")
        else:
            self.equal(answer.status, 400, f"HTTP status ({shown(answer.error)})")
            self.need(answer.error.get("code") != "upstream_invalid_request", f"refused by the provider: {shown(answer.error)}")
            self.need(bool(answer.error.get("param")), f"a refusal without its field: {shown(answer.error)}")
        return answer

    def failed(self, answer: Answer, *codes: str, statuses: tuple[int, ...] = ()) -> None:
        """The answer is a failure of one of these classes: as an HTTP status, or in the stream after a 200."""
        if answer.status == 200:
            status = (answer.response or {}).get("status")
            if not self.need(status == "failed", f"ended as {status}"):
                return
            self.need(self.streamed, "a whole answer that failed came with 200")
        elif statuses:
            self.need(answer.status in statuses, f"HTTP {answer.status} where {statuses} was right")
        code = answer.error.get("code")
        self.need(code in codes, f"code {code} where {codes} was right: {shown(answer.error)}")


def shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 240 else f"{text[:160]} … {text[-60:]}"
