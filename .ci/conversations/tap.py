"""Stands between the gateway and the simulator: remembers every exchange, and lets a provider be down for one conversation."""

from __future__ import annotations

import http.client
import http.server
import json
import re
import threading
from dataclasses import dataclass

MARK = re.compile(rb"talk-\d+-")


@dataclass
class Exchange:
    """One request that came through, and its reply."""

    provider: str
    model: str
    asked: dict
    reply: bytes

    @property
    def replayed(self) -> list[str]:
        """The opaque state in the request, in its order."""
        if self.provider == "openai":
            return [item["encrypted_content"] for item in self.asked["input"] if item["type"] == "reasoning"]
        if self.provider == "anthropic":
            blocks = [block for message in self.asked["messages"] if isinstance(message["content"], list) for block in message["content"]]
            return [block.get("signature") or block["data"] for block in blocks if block["type"] in ("thinking", "redacted_thinking")]
        parts = [part for content in self.asked["contents"] for part in content["parts"]]
        return [part["thoughtSignature"] for part in parts if part.get("thoughtSignature", "skip_thought") != "skip_thought_signature_validator" and "thoughtSignature" in part]

    @property
    def turns(self) -> list:
        """The conversation as it was sent."""
        return self.asked[{"openai": "input", "anthropic": "messages", "google": "contents"}[self.provider]]

    @property
    def issued(self) -> list[str]:
        """The opaque state in the reply, in its order."""
        events = self.events()
        if self.provider == "openai":
            final = [event.get("response", event) for event in events if event.get("type", "response.completed") == "response.completed"]
            return [item["encrypted_content"] for item in final[-1]["output"] if item["type"] == "reasoning"]
        if self.provider == "anthropic":
            deltas = [event["delta"]["signature"] for event in events if event["type"] == "content_block_delta" and event["delta"]["type"] == "signature_delta"]
            return deltas + [block["signature"] for event in events if event["type"] == "message" for block in event["content"] if block["type"] == "thinking"]
        candidates = [candidate for event in events for candidate in event.get("candidates", [])]
        return [part["thoughtSignature"] for candidate in candidates for part in candidate.get("content", {}).get("parts", []) if "thoughtSignature" in part]

    @property
    def called(self) -> bool:
        """Does the reply call the tool?"""
        return re.search(rb'"(function_call|tool_use|functionCall)"', self.reply) is not None

    def events(self) -> list[dict]:
        text = self.reply.decode()
        if text.lstrip().startswith("{"):
            return [json.loads(text)]
        return [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:") and line[5:].strip() != "[DONE]"]


class Tap:
    """The proxy, and what it has seen of each conversation."""

    def __init__(self, to: int) -> None:
        self.seen: dict[bytes, list[Exchange]] = {}
        self.down: dict[bytes, str] = {}
        tap = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Headers and body leave in two writes, which Nagle's algorithm would hold apart.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:  # noqa: N802 (the name that http.server asks for)
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers, reply = tap.forward(to, self.path, dict(self.headers), body)
                self.send_response(status)
                for key, value in headers:
                    if key.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                        self.send_header(key, value)
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def forward(self, to: int, path: str, headers: dict, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        found = MARK.search(body)
        mark = found.group() if found else b""
        provider, model = called_by(path)
        asked = json.loads(body)
        model = asked.get("model", model)
        if self.down.get(mark) == f"{provider}/{model}":
            return 503, [("content-type", "application/json")], b'{"error":{"message":"down","status":"UNAVAILABLE"}}'
        connection = http.client.HTTPConnection("127.0.0.1", to, timeout=30)
        try:
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            data = reply.read()
            if reply.status == 200:
                self.seen.setdefault(mark, []).append(Exchange(provider, model, asked, data))
            return reply.status, reply.getheaders(), data
        finally:
            connection.close()


def called_by(path: str) -> tuple[str, str]:
    """Whose API this path is of, and the model that it names."""
    if "/models/" in path:
        return "google", path.split("/models/")[1].split(":")[0]
    return ("anthropic" if "/messages" in path else "openai"), ""
