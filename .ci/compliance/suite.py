"""The 17 tests of the Open Responses compliance suite (specification 2026-04-24), against one server and one model.

    python suite.py BASE_URL MODEL [--key KEY]

$LLMGW_SPEC is the specification's OpenAPI document. As in the official suite all tests start at once, a reply's status is
checked first, then its schema, then what the test is about; a turn on a WebSocket has 30 seconds. Exit 1 unless all pass.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import http.client
import json
import os
import struct
import sys
import threading
import urllib.parse
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import jsonschema
import websockets

TERMINALS = ("response.completed", "response.incomplete", "response.failed")
TURN_SECONDS = 30


class Failure(Exception):
    """What a test found wrong."""


class Schemas:
    """Validators of the specification's schemas, made once."""

    def __init__(self, openapi: str) -> None:
        document = json.loads(Path(openapi).read_text())
        self.components = document["components"]
        self.made: dict[str, jsonschema.Draft202012Validator] = {}
        self.lock = threading.Lock()
        stream = document["paths"]["/responses"]["post"]["responses"]["200"]["content"]["text/event-stream"]["schema"]["oneOf"]
        self.events: dict[str, str] = {}
        for variant in stream:
            name = variant["$ref"].rsplit("/", 1)[1]
            kind = self.components["schemas"][name]["properties"]["type"]
            for tag in kind.get("enum") or [kind["const"]]:
                self.events[tag] = name

    def check(self, name: str, value: object) -> None:
        with self.lock:
            if name not in self.made:
                schema = {"$ref": f"#/components/schemas/{name}", "components": self.components}
                self.made[name] = jsonschema.Draft202012Validator(schema)
        errors = sorted(self.made[name].iter_errors(value), key=lambda error: len(error.path))
        if errors:
            where = "/".join(map(str, errors[0].absolute_path))
            raise Failure(f"{name}: {where}: {errors[0].message[:200]}")

    def check_event(self, event: dict) -> None:
        if event.get("type") not in self.events:
            raise Failure(f"{event.get('type')} is no event of the specification")
        self.check(self.events[event["type"]], event)


class Server:
    """The server that is judged."""

    def __init__(self, base: str, model: str, key: str, schemas: Schemas) -> None:
        self.url = urllib.parse.urlsplit(base.rstrip("/"))
        self.model, self.schemas = model, schemas
        self.headers = {"authorization": f"Bearer {key}"}

    async def post(self, path: str, body: dict) -> tuple[int, str, bytes]:
        return await asyncio.to_thread(self.post_now, path, body)

    def post_now(self, path: str, body: dict) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=120)
        try:
            headers = {**self.headers, "content-type": "application/json"}
            connection.request("POST", self.url.path + path, json.dumps(body), headers)
            reply = connection.getresponse()
            return reply.status, reply.getheader("content-type") or "", reply.read()
        finally:
            connection.close()

    async def respond(self, **fields: object) -> dict:
        """A whole response that must be valid."""
        status, kind, raw = await self.post("/responses", {"model": self.model, **fields})
        if status != 200:
            raise Failure(f"status {status}: {raw[:300]!r}")
        if "application/json" not in kind:
            raise Failure(f"content-type {kind}")
        response = json.loads(raw)
        self.schemas.check("ResponseResource", response)
        return response

    async def stream(self, **fields: object) -> list[dict]:
        status, _, raw = await self.post("/responses", {"model": self.model, "stream": True, **fields})
        if status != 200:
            raise Failure(f"status {status}: {raw[:300]!r}")
        events = []
        for block in raw.decode().split("\n\n"):
            data = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
            if data and data[0] != "[DONE]":
                events.append(json.loads(data[0]))
        return events

    def socket(self) -> websockets.connect:
        address = f"ws://{self.url.netloc}{self.url.path}/responses"
        return websockets.connect(address, additional_headers=self.headers, max_size=None)

    async def turn(self, socket: websockets.ClientConnection, **fields: object) -> list[dict]:
        """One turn on a socket: every message up to the first that ends it."""
        await socket.send(json.dumps({"type": "response.create", "model": self.model, **fields}))
        events = []
        async with asyncio.timeout(TURN_SECONDS):
            while True:
                event = json.loads(await socket.recv())
                events.append(event)
                if event.get("type") in TERMINALS or event.get("type") == "error":
                    return events

    def completed(self, events: list[dict]) -> dict:
        response = self.valid(events)
        if response["status"] != "completed":
            raise Failure(f"the response is {response['status']}: {response.get('error')}")
        return response

    def valid(self, events: list[dict]) -> dict:
        """All events fit the schema, and the last is a terminal one with a valid response."""
        if not events:
            raise Failure("no events")
        if events[-1].get("type") not in TERMINALS:
            raise Failure(f"ended with {json.dumps(events[-1])[:300]}")
        self.schemas.check("ResponseResource", events[-1]["response"])
        for event in events:
            self.schemas.check_event(event)
        return events[-1]["response"]


def user(text: str) -> dict:
    return {"type": "message", "role": "user", "content": text}


def said(role: str, text: str, **fields: object) -> dict:
    return {"type": "message", "role": role, "content": text, **fields}


def whole(response: dict) -> None:
    if not response["output"]:
        raise Failure("the output is empty")
    if response["status"] != "completed":
        raise Failure(f"the response is {response['status']}")


def error_code(events: list[dict]) -> str | None:
    """The code of a failed turn, in the envelope or in `response.failed`."""
    last = events[-1]
    if last["type"] == "error":
        return last["error"].get("code")
    if last["type"] == "response.failed":
        return (last["response"].get("error") or {}).get("code")
    return None


def must_be_unknown(events: list[dict]) -> None:
    if error_code(events) != "previous_response_not_found":
        raise Failure(f"not previous_response_not_found: {json.dumps(events[-1])[:300]}")


def picture() -> str:
    """A red square of 32 by 32 as a data URL."""
    rows = b"".join(b"\0" + b"\xff\0\0" * 32 for _ in range(32))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},
        "required": ["location"],
    },
}


async def basic_response(server: Server) -> None:
    whole(await server.respond(input=[user("Say hello in exactly 3 words.")]))


async def assistant_phase(server: Server) -> None:
    conversation = [
        said("assistant", "I will look into it.", phase="commentary"),
        said("assistant", "The answer is 42.", phase="final_answer"),
        user("Thank you. Say goodbye."),
    ]
    whole(await server.respond(input=conversation))


async def response_output_phase_schema(server: Server) -> None:
    message = {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "phase": "final_answer",
        "content": [{"type": "output_text", "text": "done", "annotations": [], "logprobs": []}],
    }
    server.schemas.check("ItemField", message)


async def streaming_response(server: Server) -> None:
    server.completed(await server.stream(input=[user("Count from 1 to 5.")]))


async def system_prompt(server: Server) -> None:
    conversation = [said("system", "You are a pirate. Always respond in pirate speak."), user("Say hello.")]
    whole(await server.respond(input=conversation))


async def tool_calling(server: Server) -> None:
    response = await server.respond(input=[user("What's the weather like in San Francisco?")], tools=[WEATHER])
    if not response["output"]:
        raise Failure("the output is empty")
    if not any(item["type"] == "function_call" for item in response["output"]):
        raise Failure(f"no function_call among {[item['type'] for item in response['output']]}")


async def image_input(server: Server) -> None:
    content = [
        {"type": "input_text", "text": "What do you see in this image? Answer in one sentence."},
        {"type": "input_image", "image_url": picture()},
    ]
    whole(await server.respond(input=[{"type": "message", "role": "user", "content": content}]))


async def multi_turn(server: Server) -> None:
    conversation = [user("My name is Alice."), said("assistant", "Hello Alice!"), user("What is my name?")]
    whole(await server.respond(input=conversation))


async def compact_response(server: Server) -> None:
    body = {
        "model": server.model,
        "input": [user("Create a simple landing page."), said("assistant", "Here is one: <html></html>")],
        "prompt_cache_key": "compliance",
    }
    status, kind, raw = await server.post("/responses/compact", body)
    if status != 200 or "application/json" not in kind:
        raise Failure(f"status {status}, {kind}: {raw[:300]!r}")
    compacted = json.loads(raw)
    server.schemas.check("CompactResource", compacted)
    if compacted["object"] != "response.compaction":
        raise Failure(f"object {compacted['object']}")
    if not any(item["type"] == "compaction" for item in compacted["output"]):
        raise Failure("no compaction item")


async def compact_missing_model(server: Server) -> None:
    status, _, raw = await server.post("/responses/compact", {"input": [user("hello")]})
    if status not in (400, 422):
        raise Failure(f"status {status}: {raw[:300]!r}")


async def websocket_response(server: Server) -> None:
    async with server.socket() as socket:
        server.completed(await server.turn(socket, input=[user("Say hello.")]))


async def websocket_sequential_responses(server: Server) -> None:
    async with server.socket() as socket:
        for text in ("Say one.", "Say two."):
            server.completed(await server.turn(socket, store=False, input=text))


async def websocket_continuation(server: Server) -> None:
    async with server.socket() as socket:
        first = server.completed(await server.turn(socket, store=False, input="Remember the code word: heron."))
        more = await server.turn(socket, store=False, previous_response_id=first["id"], input="What was the code word?")
        server.completed(more)


async def websocket_reconnect_store_false_recovery(server: Server) -> None:
    async with server.socket() as socket:
        first = server.completed(await server.turn(socket, store=False, input="Say hello."))
    async with server.socket() as socket:
        lost = await server.turn(socket, store=False, previous_response_id=first["id"], input="Go on.")
        must_be_unknown(lost)
        server.valid(await server.turn(socket, store=False, input="Say hello again."))


async def websocket_previous_response_not_found(server: Server) -> None:
    async with server.socket() as socket:
        turn = await server.turn(socket, store=False, previous_response_id="resp_that_never_was", input="Go on.")
        must_be_unknown(turn)
        if turn[-1]["type"] == "error":
            server.schemas.check("WebSocketErrorEvent", turn[-1])


async def websocket_failed_continuation_evicts_cache(server: Server) -> None:
    async with server.socket() as socket:
        first = server.completed(await server.turn(socket, store=False, input="Say hello."))
        orphan = {"type": "function_call_output", "call_id": "call_that_never_was", "output": "{}"}
        failed = await server.turn(socket, store=False, previous_response_id=first["id"], input=[orphan])
        if failed[-1]["type"] not in ("error", "response.failed"):
            raise Failure(f"an output without its call was taken: {failed[-1]['type']}")
        must_be_unknown(await server.turn(socket, store=False, previous_response_id=first["id"], input="Go on."))


async def websocket_compact_new_chain(server: Server) -> None:
    part = lambda kind, text: [{"type": kind, "text": text}]  # noqa: E731
    conversation = [
        {"type": "message", "role": "user", "content": part("input_text", "The code word is heron.")},
        {"type": "message", "role": "assistant", "content": part("output_text", "Understood.")},
    ]
    status, _, raw = await server.post("/responses/compact", {"model": server.model, "input": conversation})
    if status != 200:
        raise Failure(f"status {status}: {raw[:300]!r}")
    output = json.loads(raw)["output"]
    async with server.socket() as socket:
        chain = [*output, {"type": "message", "role": "user", "content": part("input_text", "What is the code word?")}]
        server.completed(await server.turn(socket, store=False, input=chain, tools=[]))


TESTS: list[Callable[[Server], Awaitable[None]]] = [
    basic_response,
    assistant_phase,
    response_output_phase_schema,
    streaming_response,
    system_prompt,
    tool_calling,
    image_input,
    multi_turn,
    compact_response,
    compact_missing_model,
    websocket_response,
    websocket_sequential_responses,
    websocket_continuation,
    websocket_reconnect_store_false_recovery,
    websocket_previous_response_not_found,
    websocket_failed_continuation_evicts_cache,
    websocket_compact_new_chain,
]


async def judge(server: Server) -> list[tuple[str, str | None]]:
    """All tests at once: each by its name, with what was wrong."""

    async def one(test: Callable[[Server], Awaitable[None]]) -> tuple[str, str | None]:
        try:
            await test(server)
        except Failure as failure:
            return test.__name__, str(failure)
        except Exception as error:  # a test that cannot go on has failed, whatever the reason
            return test.__name__, f"{type(error).__name__}: {error}"
        return test.__name__, None

    return await asyncio.gather(*map(one, TESTS))


def run(base: str, model: str, key: str, schemas: Schemas) -> int:
    """Judges one model; how many tests it passed."""
    results = asyncio.run(judge(Server(base, model, key, schemas)))
    for name, problem in results:
        if problem:
            print(f"  {model}: {name}: {problem}")
    passed = sum(problem is None for _, problem in results)
    print(f"{model}: {passed} of {len(TESTS)}")
    return passed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("base")
    parser.add_argument("model")
    parser.add_argument("--key", default="none")
    arguments = parser.parse_args()
    schemas = Schemas(os.environ["LLMGW_SPEC"])
    return 0 if run(arguments.base, arguments.model, arguments.key, schemas) == len(TESTS) else 1


if __name__ == "__main__":
    sys.exit(main())
