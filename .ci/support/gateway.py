"""Runs the gateway's own binary and speaks HTTP with it, for the programs of `.ci`."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import stream as streams

KEYS = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Answer:
    """A reply of the gateway's."""

    status: int
    headers: dict[str, str]
    raw: bytes
    stream: streams.Stream | None = None

    @property
    def json(self) -> dict:
        return json.loads(self.raw)

    @property
    def response(self) -> dict | None:
        """The response object, however it came; `None` for an error."""
        if self.stream is not None:
            return self.stream.response
        return self.json if self.status == 200 else None

    @property
    def error(self) -> dict:
        """The error: of the body, of the stream, or of a response that failed."""
        if self.stream is not None:
            errors = [event["error"] for event in self.stream.events if event["type"] == "error"]
            return errors[0] if errors else (self.response or {}).get("error") or {}
        body = self.json
        return body.get("error") or {}


class Gateway:
    """One running gateway. Use it in a `with`."""

    def __init__(self, binary: str, config: str) -> None:
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="llmgw-ci-")
        root = self.root = Path(self.folder.name)
        path = root / "config.yaml"
        path.write_text(config)
        self.log_path = root / "log"
        env = {key: value for key, value in os.environ.items() if key not in KEYS and not key.startswith("LLMGW_")}
        env |= {"XDG_STATE_HOME": str(root), "XDG_CONFIG_HOME": str(root), "XDG_CACHE_HOME": str(root), "RUST_BACKTRACE": "1"}
        self.env, self.base = env, [binary, "--config", str(path)]
        with self.log_path.open("wb") as log:
            command = [*self.base, "serve", "--address", f"127.0.0.1:{self.port}"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        atexit.register(self.process.kill)
        self.wait_until_up()

    def wait_until_up(self) -> None:
        for _ in range(200):
            if self.process.poll() is not None:
                sys.exit(f"the gateway ended with {self.process.returncode}:\n{self.log()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"the gateway does not listen:\n{self.log()}")

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.folder.cleanup()

    def command(self, *arguments: str) -> str:
        """Another command beside it, with the same configuration and state; what it prints."""
        return subprocess.run([*self.base, *arguments], env=self.env, capture_output=True, text=True, timeout=60, check=True).stdout

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def panics(self) -> list[str]:
        return [line for line in self.log().splitlines() if re.search(r"panicked at|stack overflow|memory allocation of", line)]

    def open_sockets(self) -> int:
        """Connections, upstream and down, and what listens. Files of the store stay open, and are none."""
        folder = f"/proc/{self.process.pid}/fd"
        found = 0
        for name in os.listdir(folder):
            try:
                found += os.readlink(f"{folder}/{name}").startswith("socket:")
            except FileNotFoundError:
                pass
        return found

    def post(self, body: dict, path: str = "/v1/responses", headers: dict | None = None, timeout: float = 60) -> Answer:
        """One request, read to its end. A reply that breaks off raises."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            data = json.dumps(body, ensure_ascii=False).encode()
            connection.request("POST", path, data, {"content-type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            raw = reply.read()
            found = {key.lower(): value for key, value in reply.getheaders()}
            answer = Answer(reply.status, found, raw)
            if found.get("content-type", "").startswith("text/event-stream"):
                answer.stream = streams.read(raw)
            return answer
        finally:
            connection.close()

    def hang_up(self, body: dict, after: int) -> bytes:
        """Sends a request, reads at least `after` bytes of the reply, and resets the connection."""
        data = json.dumps(body).encode()
        head = f"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        got = b""
        with socket.create_connection(("127.0.0.1", self.port), 10) as client:
            client.sendall(head.encode() + data)
            client.settimeout(10)
            while len(got) < after:
                more = client.recv(65536)
                if not more:
                    break
                got += more
        return got


class Schemas:
    """Holds replies against the specification's OpenAPI document."""

    def __init__(self, openapi: str) -> None:
        import jsonschema

        document = json.loads(Path(openapi).read_text())
        self.components = document["components"]
        self.make = jsonschema.Draft202012Validator
        variants = document["paths"]["/responses"]["post"]["responses"]["200"]["content"]["text/event-stream"]["schema"]["oneOf"]
        self.validators = {"response": self.validator("ResponseResource")}
        for variant in variants:
            name = variant["$ref"].rsplit("/", 1)[1]
            kind = self.components["schemas"][name]["properties"]["type"]
            for tag in kind.get("enum") or [kind["const"]]:
                self.validators[tag] = self.validator(name)

    def validator(self, name: str):
        return self.make({"$ref": f"#/components/schemas/{name}", "components": self.components})

    def problems(self, answer: Answer) -> list[str]:
        if answer.stream is None:
            return self.against("response", answer.json) if answer.status == 200 else error_body(answer.json)
        found = []
        for event in answer.stream.events:
            if event["type"] not in self.validators:
                found.append(f"{event['type']} is no event of the specification")
            else:
                found += [f"{event['type']}: {problem}" for problem in self.against(event["type"], event)]
        return found[:5]

    def against(self, kind: str, value: dict) -> list[str]:
        errors = sorted(self.validators[kind].iter_errors(value), key=lambda e: len(e.path))
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:160]}" for e in errors[:3]]


def error_body(body: dict) -> list[str]:
    error = body.get("error")
    if not isinstance(error, dict) or not {"type", "code", "message", "param"} <= set(error):
        return [f"an error body of another shape: {str(body)[:160]}"]
    return []
