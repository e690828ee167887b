"""A primary that breaks in sixteen ways, at four protocols, and backups that can go on with what it said."""

from __future__ import annotations

import asyncio
import collections
import json
import re
import time

from dialects import sse
from upstream import MARK, Wire, half

TEXT = "Straße nach Köln – 東京 and back, 👍🏽 in some 1000 or 10,000 steps.\n\nThen on, word for word, to the end of it all: so it goes."
OTHER = "Something else altogether, which nobody has begun with."
PIECES = [TEXT[at : at + 3] for at in range(0, len(TEXT), 3)]
SSE = "text/event-stream"
CHUNKED = "transfer-encoding: chunked"
USAGE = 12
BEGUN = 6  # what Anthropic counts before the first word: five of the prompt, one of the answer
MODEL = re.compile(rb"([a-z0-9.-]+?)-(429-after|429|500|503|silent|slow|cut|stall|malformed|no-end|context|policy|flapping|dead|inside)-f\d+f")


def pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


class OpenAi:
    name, model = "openai", "gpt-4o"

    @staticmethod
    def response(model: str, status: str, text: str | None) -> dict:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        output = [] if text is None else [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}]
        usage = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": USAGE}
        return {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": model, "output": output, "error": None, "incomplete_details": None,
                "usage": usage if status == "completed" else None, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "text": {"format": {"type": "text"}}, "temperature": 1, "top_p": 1, "metadata": {}}

    @classmethod
    def whole(cls, model: str, text: str) -> dict:
        return cls.response(model, "completed", text)

    @classmethod
    def frames(cls, model: str, text: str) -> tuple[list, list, list]:
        """What comes before the text, the text, and what ends it."""
        where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        begun = cls.response(model, "in_progress", None)
        message = cls.whole(model, text)["output"][0]
        part = message["content"][0]
        before = [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun},
                  {"type": "response.output_item.added", "output_index": 0, "item": {**message, "status": "in_progress", "content": []}},
                  {"type": "response.content_part.added", **where, "part": {**part, "text": ""}}]
        middle = [{"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []} for piece in pieces(text)]
        after = [{"type": "response.output_text.done", **where, "text": text, "logprobs": []}, {"type": "response.content_part.done", **where, "part": part},
                 {"type": "response.output_item.done", "output_index": 0, "item": message}, {"type": "response.completed", "response": cls.whole(model, text)}]
        return tuple([sse(event, event["type"]) for event in events] for events in (before, middle, after))

    @staticmethod
    def error(status: int, code: str) -> dict:
        return {"error": {"message": f"no luck: {code}", "type": "invalid_request_error" if status == 400 else code, "param": None, "code": code}}

    @classmethod
    def inside(cls) -> bytes:
        return sse({"type": "error", "code": "server_error", "message": "no luck", "param": None, "sequence_number": 3}, "error")

    @staticmethod
    def said(body: dict) -> list[tuple[str, str]]:
        found = []
        for item in [body["input"]] if isinstance(body["input"], str) else body["input"]:
            if isinstance(item, str):
                found.append(("user", item))
            else:
                content = item["content"]
                found.append((item["role"], content if isinstance(content, str) else "".join(part["text"] for part in content)))
        return found


class Lab:
    name, model = "lab", "llama"
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": USAGE}

    @classmethod
    def whole(cls, model: str, text: str) -> dict:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": cls.usage}

    @classmethod
    def frames(cls, model: str, text: str) -> tuple[list, list, list]:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
        chunk = lambda delta, reason=None: sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})  # noqa: E731
        after = [chunk({}, "stop"), sse({**head, "choices": [], "usage": cls.usage}), sse("[DONE]")]
        return [chunk({"role": "assistant", "content": ""})], [chunk({"content": piece}) for piece in pieces(text)], after

    error = OpenAi.error

    @classmethod
    def inside(cls) -> bytes:
        return sse(cls.error(500, "server_error"))

    @staticmethod
    def said(body: dict) -> list[tuple[str, str]]:
        text = lambda content: content if isinstance(content, str) else "".join(part["text"] for part in content)  # noqa: E731
        return [(message["role"], text(message["content"])) for message in body["messages"]]


class Anthropic:
    name, model = "anthropic", "claude-haiku-4-5"

    @classmethod
    def message(cls, model: str, text: str | None) -> dict:
        usage = {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1 if text is None else 7}
        content = [] if text is None else [{"type": "text", "text": text}]
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content, "stop_reason": text and "end_turn", "stop_sequence": None, "usage": usage}

    @classmethod
    def whole(cls, model: str, text: str) -> dict:
        return cls.message(model, text)

    @classmethod
    def frames(cls, model: str, text: str) -> tuple[list, list, list]:
        before = [{"type": "message_start", "message": cls.message(model, None)}, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, {"type": "ping"}]
        middle = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in pieces(text)]
        after = [{"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 7}}, {"type": "message_stop"}]
        return tuple([sse(event, event["type"]) for event in events] for events in (before, middle, after))

    @staticmethod
    def error(status: int, code: str) -> dict:
        kind = {400: "invalid_request_error", 429: "rate_limit_error", 503: "overloaded_error"}.get(status, "api_error")
        message = {"context_length_exceeded": "prompt is too long: 300000 tokens > 200000 maximum", "content_policy_violation": "Output blocked by content filtering policy"}.get(code, "no luck")
        return {"type": "error", "error": {"type": kind, "message": message}}

    @classmethod
    def inside(cls) -> bytes:
        return sse({"type": "error", "error": {"type": "api_error", "message": "no luck"}}, "error")

    @staticmethod
    def said(body: dict) -> list[tuple[str, str]]:
        text = lambda content: content if isinstance(content, str) else "".join(block["text"] for block in content)  # noqa: E731
        return [(message["role"], text(message["content"])) for message in body["messages"]]


class Google:
    name, model = "google", "gemini-2.5-flash"

    @classmethod
    def reply(cls, model: str, text: str, finish: str | None = None) -> dict:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0} | ({"finishReason": finish} if finish else {})
        usage = {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": USAGE}} if finish else {}
        return {"candidates": [candidate], "modelVersion": model, "responseId": "r1", **usage}

    @classmethod
    def whole(cls, model: str, text: str) -> dict:
        return cls.reply(model, text, "STOP")

    @classmethod
    def frames(cls, model: str, text: str) -> tuple[list, list, list]:
        return [], [sse(cls.reply(model, piece)) for piece in pieces(text)], [sse(cls.reply(model, "", "STOP"))]

    @staticmethod
    def error(status: int, code: str) -> dict:
        if code == "content_policy_violation":
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        message = {"context_length_exceeded": "The input token count (1300000) exceeds the maximum number of tokens allowed (1048576)."}.get(code, "no luck")
        return {"error": {"code": status, "message": message, "status": {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}.get(status, "INTERNAL")}}

    @classmethod
    def inside(cls) -> bytes:
        return sse(cls.error(500, "server_error"))

    @staticmethod
    def said(body: dict) -> list[tuple[str, str]]:
        return [("assistant" if turn["role"] == "model" else turn["role"], "".join(part["text"] for part in turn["parts"])) for turn in body["contents"]]


DIALECTS = [OpenAi, Anthropic, Google, Lab]
STATUSES = {"429-after": 429, "429": 429, "500": 500, "503": 503, "context": 400, "policy": 400}
CODES = {"429-after": "rate_limit_exceeded", "429": "rate_limit_exceeded", "500": "server_error", "503": "overloaded", "context": "context_length_exceeded", "policy": "content_policy_violation"}
REASONS = {400: "Bad Request", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}


class Counts:
    """What each route cost, and how often it was asked."""

    def __init__(self) -> None:
        self.requests: collections.Counter[str] = collections.Counter()
        self.tokens: collections.Counter[str] = collections.Counter()
        self.words: collections.Counter[str] = collections.Counter()
        # Counts that came before the end: of an answer that breaks they are all there is.
        self.begun_tokens: collections.Counter[str] = collections.Counter()

    def asked(self, route: str) -> int:
        return self.requests[route]

    def spent(self, route: str) -> int:
        return self.tokens[route]

    def begun(self, route: str) -> int:
        return self.words[route]


def continued(said: list[tuple[str, str]]) -> tuple[str, str]:
    """How a request wants its answer, and what is left of it: `begin`, `prefill` or `go on`."""
    if said[-1][0] == "assistant":
        before = said[-1][1]
        assert TEXT.startswith(before) and before == before.rstrip(), f"a prefill of {before!r}"
        return "prefill", TEXT[len(before) :]
    if len(said) > 1 and said[-2][0] == "assistant":
        before = said[-2][1]
        assert TEXT.startswith(before), f"goes on from {before!r}"
        return "go on", TEXT[len(before) :]
    return "begin", TEXT


class Speaker(Counts):
    """The primary. What it does wrong stands in the model's name; an odd route's breaks every time, an even one's once."""

    def __init__(self) -> None:
        super().__init__()
        self.dead_until: dict[str, float] = {}

    async def answer(self, wire: Wire, head: bytes, body: bytes) -> None:
        path = head.split(b" ")[1]
        dialect = OpenAi if b"/responses" in path else Lab if b"/chat/completions" in path else Anthropic if b"/messages" in path else Google
        number = int((MARK.search(path) or MARK.search(body))[1])
        route = f"r{number}"
        name = MODEL.search(path) or MODEL.search(body)
        model, kind = name[0].decode(), name[2].decode()
        request = json.loads(body)
        streamed = request.get("stream") is True or b"streamGenerateContent" in path
        self.requests[route] += 1
        breaks = self.requests[route] == 1 or number % 2 == 1
        _, text = continued(dialect.said(request))
        if kind == "dead":
            if time.monotonic() < self.dead_until.get(route, 0):
                return wire.reset()
            kind = ""
        elif kind == "flapping":
            kind = "500" if breaks else ""
        elif kind in ("cut", "stall", "malformed", "no-end", "inside") and not breaks:
            kind = ""
        if kind in CODES or kind == "500":
            status = STATUSES[kind]
            error = dialect.error(status, CODES[kind])
            data, status = json.dumps(error).encode(), 200 if "promptFeedback" in error else status
            if status == 200 and streamed:
                return await wire.body(sse(error), "200 OK", SSE)
            more = ("retry-after: 2",) if kind == "429-after" else ()
            return await wire.body(data, f"{status} {REASONS.get(status, 'OK')}", "application/json", *more)
        if kind == "silent":
            return await wire.silence()
        if streamed:
            return await self.stream(wire, dialect, model, kind, text, route)
        await self.whole(wire, dialect, model, kind, text, route)

    async def whole(self, wire: Wire, dialect: type, model: str, kind: str, text: str, route: str) -> None:
        data = json.dumps(dialect.whole(model, text)).encode()
        if kind == "slow":
            await wire.silence()
        elif kind in ("cut", "stall", "no-end"):
            await wire.head("200 OK", "application/json", f"content-length: {len(data)}")
            await wire.raw(half(data))
            if kind == "stall":
                await wire.silence()
        elif kind == "malformed":
            await wire.body(data.replace(b'"', b"", 1))
        elif kind == "inside":
            await wire.body(json.dumps({"error": {"message": "no luck", "type": "server_error", "code": 500, "status": "INTERNAL"}} if dialect is not Anthropic else dialect.error(500, "")).encode())
        else:
            self.tokens[route] += USAGE
            self.words[route] += 1
            await wire.body(data)

    async def stream(self, wire: Wire, dialect: type, model: str, kind: str, text: str, route: str) -> None:
        before, middle, after = dialect.frames(model, text)
        await wire.head("200 OK", SSE, CHUNKED)
        if kind == "slow":
            for _ in range(40):
                await wire.chunk(b": working\n\n")
                await asyncio.sleep(0.1)
        if before:
            await wire.chunk(b"".join(before))
        broken = kind in ("cut", "stall", "malformed", "inside")
        # A stream that goes on breaks further on.
        sent = middle[: max(1, len(middle) // 2)] if broken else middle
        self.words[route] += bool(sent)
        if dialect is Anthropic and kind and sent:
            self.begun_tokens[route] += BEGUN
        for frame in sent:
            await wire.chunk(frame)
            await asyncio.sleep(0)
        await asyncio.sleep(0.03)
        if kind == "cut":
            return wire.reset()
        if kind == "stall":
            return await wire.silence()
        if kind == "malformed":
            await wire.chunk(middle[len(middle) // 2].replace(b"}", b"", 1))
            await wire.chunk(b"".join(middle[len(middle) // 2 + 1 :] + after))
        elif kind == "inside":
            await wire.chunk(dialect.inside())
        elif kind != "no-end":
            self.tokens[route] += USAGE
            await wire.chunk(b"".join(after))
        await wire.last_chunk()


class Backup(Counts):
    """Backups of Chat Completions: `prefill` goes on from an assistant's last message, `refuses` answers that with a 400
    and says the same again, `anew` begins otherwise and goes on only when it is asked to."""

    async def answer(self, wire: Wire, head: bytes, body: bytes) -> None:
        request = json.loads(body)
        model, route = request["model"], f"r{MARK.search(body)[1].decode()}"
        self.requests[route] += 1
        how, text = continued(Lab.said(request))
        if how == "prefill":
            assert request.get("continue_final_message") is True, "a prefill without its mark"
            if "refuses" in model:
                return await wire.body(json.dumps(Lab.error(400, "no_prefill")).encode(), "400 Bad Request")
        if how == "go on" and "anew" in model:
            text = repeated(text)
        if how == "begin" and "anew" in model and self.differs(route):
            return await self.other(wire, model)
        self.tokens[route] += USAGE
        self.words[route] += 1
        if request.get("stream") is not True:
            return await wire.body(json.dumps(Lab.whole(model, text)).encode())
        before, middle, after = Lab.frames(model, text)
        await wire.head("200 OK", SSE, CHUNKED)
        await wire.chunk(b"".join(before + middle + after))
        await wire.last_chunk()

    def differs(self, route: str) -> bool:
        """Whether an answer from the beginning is another one: only where somebody has begun already."""
        return bool(self.primary.begun(route))

    async def other(self, wire: Wire, model: str) -> None:
        """Another answer, whose end nobody waits for."""
        before, middle, _ = Lab.frames(model, OTHER)
        await wire.head("200 OK", SSE, CHUNKED)
        await wire.chunk(b"".join(before + middle[:1]))
        await wire.silence()

    def __init__(self, primary: Speaker) -> None:
        super().__init__()
        self.primary = primary


def repeated(rest: str) -> str:
    """Models like to say the last word again."""
    said = TEXT[: len(TEXT) - len(rest)]
    return said[max(said.rstrip().rfind(" "), 0) :].lstrip() + rest
