"""One conversation through each door, as a client without an SDK holds it: what it gets back, it sends back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from websockets.sync.client import connect

from gateway import Gateway

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


@dataclass
class Said:
    """What the model said: its text, and its calls as id and arguments."""

    text: str = ""
    calls: list[tuple[str, dict]] = field(default_factory=list)


@dataclass
class Client:
    """A conversation at one door."""

    gateway: Gateway
    model: str
    streamed: bool
    budget: bool = False

    def __post_init__(self) -> None:
        self.history: list = []

    def ask(self, text: str) -> Said:
        raise NotImplementedError

    def answer(self, call: str, output: str) -> Said:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def post(self, path: str, body: dict, headers: dict | None = None):
        answer = self.gateway.post({"model": self.model, "stream": self.streamed, **body}, path, headers)
        assert answer.status == 200, f"HTTP {answer.status}: {answer.raw[:300]!r}"
        return answer

    def events(self, raw: bytes) -> list[dict]:
        lines = [line[6:] for line in raw.decode().splitlines() if line.startswith("data: ")]
        return [json.loads(line) for line in lines if line != "[DONE]"]


class Responses(Client):
    """All items go back; nothing is stored."""

    FIELDS = {"tools": [{"type": "function", "name": "lookup", "parameters": CITY, "strict": False}], "reasoning": {"effort": "medium", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}

    def ask(self, text: str) -> Said:
        return self.go([{"role": "user", "content": text}])

    def answer(self, call: str, output: str) -> Said:
        return self.go([{"type": "function_call_output", "call_id": call, "output": output}])

    def go(self, items: list) -> Said:
        self.history += items
        response = self.post("/v1/responses", {"input": self.history, "store": False, **self.FIELDS}).response
        self.history += response["output"]
        return self.read(response)

    @staticmethod
    def read(response: dict) -> Said:
        assert response["status"] == "completed", response
        texts = [part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"]]
        calls = [(item["call_id"], json.loads(item["arguments"])) for item in response["output"] if item["type"] == "function_call"]
        return Said("".join(texts), calls)


class Chained(Responses):
    """Only what is new goes up, after the response before."""

    previous: dict = {}

    def go(self, items: list) -> Said:
        response = self.post("/v1/responses", {"input": items, **self.previous, **self.FIELDS}).response
        self.previous = {"previous_response_id": response["id"]}
        return self.read(response)


class Socket(Responses):
    """The same on a WebSocket, whose memory is the connection's."""

    def __post_init__(self) -> None:
        self.previous: dict = {}
        self.talk = connect(f"ws://127.0.0.1:{self.gateway.port}/v1/responses", max_size=None)

    def go(self, items: list) -> Said:
        self.talk.send(json.dumps({"type": "response.create", "model": self.model, "input": items, "store": False, **self.previous, **self.FIELDS}))
        event = {"type": ""}
        while event["type"] != "response.completed":
            event = json.loads(self.talk.recv(timeout=30))
            assert event["type"] not in ("error", "response.failed", "response.incomplete"), event
        self.previous = {"previous_response_id": event["response"]["id"]}
        return self.read(event["response"])

    def close(self) -> None:
        self.talk.close()


class Chat(Client):
    """Chat Completions as most clients hold it: what the model thought does not go back."""

    TOOLS = [{"type": "function", "function": {"name": "lookup", "parameters": CITY}}]

    def ask(self, text: str) -> Said:
        return self.go({"role": "user", "content": text})

    def answer(self, call: str, output: str) -> Said:
        return self.go({"role": "tool", "tool_call_id": call, "content": output})

    def go(self, message: dict) -> Said:
        self.history.append(message)
        answer = self.post("/v1/chat/completions", {"messages": self.history, "tools": self.TOOLS, "reasoning_effort": "medium"})
        text, calls = "", {}
        for event in self.events(answer.raw) if self.streamed else [answer.json]:
            for choice in event["choices"]:
                delta = choice["delta"] if self.streamed else choice["message"]
                text += delta.get("content") or ""
                for at, call in enumerate(delta.get("tool_calls") or []):
                    known = calls.setdefault(call.get("index", at), {"id": "", "arguments": ""})
                    known["id"] = call.get("id") or known["id"]
                    known["arguments"] += call["function"].get("arguments") or ""
        made = [{"id": call["id"], "type": "function", "function": {"name": "lookup", "arguments": call["arguments"]}} for call in calls.values()]
        self.history.append({"role": "assistant", "content": text or None, **({"tool_calls": made} if made else {})})
        return Said(text, [(call["id"], json.loads(call["arguments"])) for call in calls.values()])


class Messages(Client):
    """Anthropic's protocol: every block goes back as it came."""

    TOOLS = [{"name": "lookup", "input_schema": CITY}]

    def ask(self, text: str) -> Said:
        return self.go(text)

    def answer(self, call: str, output: str) -> Said:
        return self.go([{"type": "tool_result", "tool_use_id": call, "content": output}])

    def go(self, content: object) -> Said:
        self.history.append({"role": "user", "content": content})
        thinking = {"type": "enabled", "budget_tokens": 4000} if self.budget else {"type": "adaptive"}
        body = {"messages": self.history, "tools": self.TOOLS, "max_tokens": 16000, "thinking": thinking}
        answer = self.post("/v1/messages", body, {"anthropic-version": "2023-06-01"})
        blocks = self.blocks(answer.raw) if self.streamed else answer.json["content"]
        self.history.append({"role": "assistant", "content": blocks})
        calls = [(block["id"], block["input"]) for block in blocks if block["type"] == "tool_use"]
        return Said("".join(block["text"] for block in blocks if block["type"] == "text"), calls)

    def blocks(self, raw: bytes) -> list[dict]:
        blocks: list[dict] = []
        for event in self.events(raw):
            if event["type"] == "content_block_start":
                blocks.append(event["content_block"] | {"json": ""})
            elif event["type"] == "content_block_delta":
                delta = event["delta"]
                field = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature", "input_json_delta": "partial_json"}[delta["type"]]
                blocks[-1]["json" if field == "partial_json" else field] += delta[field]
        for block in blocks:
            written = block.pop("json")
            if block["type"] == "tool_use":
                block["input"] = json.loads(written or "{}")
        return blocks


# The door, and whether it comes whole and streamed.
DOORS = [(Responses, (False, True)), (Chained, (False, True)), (Socket, (True,)), (Chat, (False, True)), (Messages, (False, True))]
