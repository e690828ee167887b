"""Good replies of the four protocols, made here: what a fault then cuts, garbles or delays."""

from __future__ import annotations

import json

WORDS = "Straße nach Köln – 東京 and back, 👍🏽 twenty words or so, enough for many frames of a stream that may break anywhere at all."
TEXT = WORDS
ARGUMENTS = '{"city":"Köln","days":[1,2,3],"note":"a \\"quoted\\" word"}'
CALL = "call_0123456789"
PIECES = [word + " " for word in WORDS.split(" ")]
PIECES[-1] = PIECES[-1].rstrip()
CUTS = [ARGUMENTS[at : at + 9] for at in range(0, len(ARGUMENTS), 9)]
TOOLS = [{"type": "function", "name": "trip", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]


def sse(data: dict | str, event: str = "") -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return ((f"event: {event}\n" if event else "") + f"data: {text}\n\n").encode()


class OpenAi:
    name, model, base = "openai", "gpt-4o", "/v1"

    @staticmethod
    def response(model: str, status: str, output: list, usage: dict | None = None) -> dict:
        return {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": model, "output": output, "error": None, "incomplete_details": None,
                "usage": usage, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "text": {"format": {"type": "text"}}, "temperature": 1, "top_p": 1, "metadata": {}}

    @classmethod
    def items(cls) -> list:
        part = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
        return [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]},
                {"type": "function_call", "id": "fc_1", "status": "completed", "call_id": CALL, "name": "trip", "arguments": ARGUMENTS}]

    @classmethod
    def whole(cls, model: str) -> dict:
        usage = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 12}
        return cls.response(model, "completed", cls.items(), usage)

    @classmethod
    def frames(cls, model: str) -> list[bytes]:
        message, call = cls.items()
        events: list[dict] = [{"type": "response.created", "response": cls.response(model, "in_progress", [])}, {"type": "response.in_progress", "response": cls.response(model, "in_progress", [])}]
        where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        events.append({"type": "response.output_item.added", "output_index": 0, "item": {**message, "status": "in_progress", "content": []}})
        events.append({"type": "response.content_part.added", **where, "part": {**message["content"][0], "text": ""}})
        events += [{"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []} for piece in PIECES]
        events.append({"type": "response.output_text.done", **where, "text": TEXT, "logprobs": []})
        events.append({"type": "response.content_part.done", **where, "part": message["content"][0]})
        events.append({"type": "response.output_item.done", "output_index": 0, "item": message})
        events.append({"type": "response.output_item.added", "output_index": 1, "item": {**call, "status": "in_progress", "arguments": ""}})
        events += [{"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 1, "delta": piece} for piece in CUTS]
        events.append({"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 1, "arguments": ARGUMENTS})
        events.append({"type": "response.output_item.done", "output_index": 1, "item": call})
        events.append({"type": "response.completed", "response": cls.whole(model)})
        return [sse({**event, "sequence_number": at}, event["type"]) for at, event in enumerate(events)]

    @staticmethod
    def error(status: int) -> dict:
        return {"error": {"message": f"no luck {status}", "type": "server_error", "param": None, "code": None}}

    @classmethod
    def error_frame(cls) -> bytes:
        return sse({"type": "error", "code": "server_error", "message": "no luck", "param": None, "sequence_number": 3}, "error")


class Anthropic:
    name, model, base = "anthropic", "claude-sonnet-4-6", ""
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 7}

    @classmethod
    def message(cls, model: str, content: list, stop: str | None) -> dict:
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": cls.usage}

    @classmethod
    def whole(cls, model: str) -> dict:
        return cls.message(model, [{"type": "text", "text": TEXT}, {"type": "tool_use", "id": CALL, "name": "trip", "input": json.loads(ARGUMENTS)}], "tool_use")

    @classmethod
    def frames(cls, model: str) -> list[bytes]:
        events: list[dict] = [{"type": "message_start", "message": cls.message(model, [], None)}, {"type": "ping"}]
        events.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        events += [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}} for piece in PIECES]
        events.append({"type": "content_block_stop", "index": 0})
        events.append({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": CALL, "name": "trip", "input": {}}})
        events += [{"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}} for piece in CUTS]
        events.append({"type": "content_block_stop", "index": 1})
        events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": cls.usage})
        events.append({"type": "message_stop"})
        return [sse(event, event["type"]) for event in events]

    @staticmethod
    def error(status: int) -> dict:
        return {"type": "error", "error": {"type": "api_error", "message": f"no luck {status}"}, "request_id": "req_1"}

    @classmethod
    def error_frame(cls) -> bytes:
        return sse({"type": "error", "error": {"type": "api_error", "message": "no luck"}}, "error")


class Google:
    name, model, base = "google", "gemini-2.5-flash", ""
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}

    @classmethod
    def reply(cls, model: str, parts: list, finish: str | None = None) -> dict:
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0} | ({"finishReason": finish} if finish else {})
        return {"candidates": [candidate], "usageMetadata": cls.usage, "modelVersion": model, "responseId": "r1"}

    @classmethod
    def whole(cls, model: str) -> dict:
        return cls.reply(model, [{"text": TEXT}, {"functionCall": {"name": "trip", "args": json.loads(ARGUMENTS)}}], "STOP")

    @classmethod
    def frames(cls, model: str) -> list[bytes]:
        replies = [cls.reply(model, [{"text": piece}]) for piece in PIECES]
        replies.append(cls.reply(model, [{"functionCall": {"name": "trip", "args": json.loads(ARGUMENTS)}}]))
        replies.append(cls.reply(model, [{"text": ""}], "STOP"))
        return [sse(reply) for reply in replies]

    @staticmethod
    def error(status: int) -> dict:
        return {"error": {"code": status, "message": f"no luck {status}", "status": "INTERNAL"}}

    @classmethod
    def error_frame(cls) -> bytes:
        return sse(cls.error(500))


class Compatible:
    name, model, base = "lab", "llama", "/v1"
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}

    @classmethod
    def head(cls, model: str, kind: str) -> dict:
        return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model}

    @classmethod
    def whole(cls, model: str) -> dict:
        message = {"role": "assistant", "content": TEXT, "tool_calls": [{"id": CALL, "type": "function", "function": {"name": "trip", "arguments": ARGUMENTS}}]}
        return {**cls.head(model, "chat.completion"), "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": cls.usage}

    @classmethod
    def frames(cls, model: str) -> list[bytes]:
        deltas: list[dict] = [{"role": "assistant", "content": ""}] + [{"content": piece} for piece in PIECES]
        deltas.append({"tool_calls": [{"index": 0, "id": CALL, "type": "function", "function": {"name": "trip", "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in CUTS]
        head = cls.head(model, "chat.completion.chunk")
        frames = [sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in deltas]
        frames.append(sse({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))
        frames.append(sse({**head, "choices": [], "usage": cls.usage}))
        return [*frames, sse("[DONE]")]

    error = OpenAi.error

    @classmethod
    def error_frame(cls) -> bytes:
        return sse(cls.error(500))


DIALECTS = [OpenAi, Anthropic, Google, Compatible]
