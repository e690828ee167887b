"""Requests in the shape of coding agents that need more than one turn of theirs: every kind of tool, and what stays in
their history. Whatever a family lacks is emulated or listed as lost; the turn is never refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import stream as streams
from bench import Simulator
from gateway import Gateway

MODELS = ["openai/gpt-6-luna", "openai/gpt-5.5", "anthropic/claude-sonnet-5-5", "anthropic/claude-opus-4-5", "google/gemini-3.8-flash", "lab/gpt-4.1", "demo"]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch" /[\\s\\S]+/ "*** End Patch"'}
PATCH = "*** Begin Patch\n*** Add File: a.txt\n+heron\n*** End Patch"
TOOLS = [
    {"type": "function", "name": "shell", "strict": False, "parameters": {"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}, "required": ["command"]}},
    {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": GRAMMAR},
    {"type": "namespace", "name": "mcp__files", "description": "Files.", "tools": [{"type": "function", "name": "read", "parameters": CITY, "strict": False}]},
]
HOSTED = [{"type": "local_shell"}, {"type": "web_search"}, {"type": "image_generation"}]
HISTORY = [
    {"role": "user", "content": "Begin."},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "herons"}},
    {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_ls", "status": "completed", "action": {"type": "exec", "command": ["ls"], "env": {}}},
    {"type": "function_call_output", "call_id": "call_ls", "output": "a.txt"},
    {"type": "function_call", "call_id": "call_mcp", "name": "read", "namespace": "mcp__files", "arguments": '{"city":"Bonn"}'},
    {"type": "function_call_output", "call_id": "call_mcp", "output": "text"},
]
# What a gateway can only find out by asking: the turn goes on without it.
LEARNT = [["Unsupported parameter: 'reasoning_effort' is not supported with this model."], ["context_management: Extra inputs are not permitted"]]


def good(answer, what: str) -> dict:
    assert answer.status == 200, f"{what}: HTTP {answer.status}: {answer.raw[:300]!r}"
    body = answer.response or {}
    assert body.get("status", "completed") == "completed", f"{what}: {answer.raw[-300:]!r}"
    return body


def a_patch_is_free_text(gateway: Gateway, model: str) -> None:
    """The free-form tool is called with its text, and its output goes back."""
    # The simulator fills a custom tool's input as it is, and an emulated one's as the argument of a function.
    is_native = model.startswith("openai/")
    asked = f"[[tool:apply_patch {PATCH if is_native else json.dumps({'input': PATCH})}]] Patch it."
    for streamed in (False, True):
        items: list = [{"role": "user", "content": asked}]
        first = good(gateway.post({"model": model, "input": items, "tools": TOOLS, "stream": streamed, "store": False}), "the call")
        calls = [item for item in first["output"] if item["type"] == "custom_tool_call"]
        assert [(call["name"], call["input"]) for call in calls] == [("apply_patch", PATCH)], f"called {first['output']}"
        items += first["output"] + [{"type": "custom_tool_call_output", "call_id": calls[0]["call_id"], "output": "Done!"}]
        last = good(gateway.post({"model": model, "input": items, "tools": TOOLS, "stream": streamed, "store": False}), "the output")
        assert "Done!" in streams.text(last), last["output"]


def a_tool_in_a_namespace_is_called_in_it(gateway: Gateway, model: str) -> None:
    if model.startswith("openai/"):
        return  # which has namespaces itself; the simulator calls none of their tools
    asked = '[[tool:mcp__files__read {"city":"Bonn"}]] Read it.'
    for streamed in (False, True):
        items: list = [{"role": "user", "content": asked}]
        first = good(gateway.post({"model": model, "input": items, "tools": TOOLS, "stream": streamed, "store": False}), "the call")
        calls = [item for item in first["output"] if item["type"] == "function_call"]
        assert [(call["name"], call.get("namespace")) for call in calls] == [("read", "mcp__files")], first["output"]
        items += first["output"] + [{"type": "function_call_output", "call_id": calls[0]["call_id"], "output": "so it is"}]
        last = good(gateway.post({"model": model, "input": items, "tools": TOOLS, "stream": streamed, "store": False}), "the output")
        assert "so it is" in streams.text(last), last["output"]


def hosted_tools_and_their_history_refuse_nothing(gateway: Gateway, model: str) -> None:
    # That a function's output may answer its own call of a shell the simulator does not know of OpenAI.
    history = [item for item in HISTORY if item.get("call_id") != "call_ls" or not model.startswith("openai/")]
    for streamed in (False, True):
        body = {"model": model, "input": history + [{"role": "user", "content": "Go on."}], "tools": TOOLS + HOSTED, "stream": streamed, "store": False}
        answer = gateway.post(body)
        good(answer, "hosted tools")
        if not model.startswith("openai/"):
            assert "tools[3]" in answer.headers.get("x-llmgw-lossy", ""), f"lost without a word: {answer.headers}"


def tools_that_an_item_adds_are_there(gateway: Gateway, model: str) -> None:
    item = {"type": "additional_tools", "role": "developer", "tools": [{"type": "namespace", "name": "functions", "description": "", "tools": TOOLS[:2]}]}
    asked = f"[[tool:apply_patch {json.dumps({'input': PATCH})}]] Patch it."
    answer = good(gateway.post({"model": model, "input": [item, {"role": "user", "content": asked}], "store": False}), "added tools")
    if not model.startswith("openai/"):
        calls = [item for item in answer["output"] if item["type"] == "custom_tool_call"]
        assert [(call["name"], call.get("namespace"), call["input"]) for call in calls] == [("apply_patch", "functions", PATCH)], answer["output"]


def claude_codes_own_shape(gateway: Gateway, model: str) -> None:
    """Blocks with cache marks, a system message in between, thinking, context edits, beta headers; and the count of it."""
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,effort-2025-11-24", "x-app": "cli"}
    mark = {"cache_control": {"type": "ephemeral"}}
    body = {
        "model": model, "max_tokens": 32000, "system": [{"type": "text", "text": "You are an agent."}, {"type": "text", "text": "Be brief.", **mark}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "<system-reminder>today</system-reminder>"}, {"type": "text", "text": '[[think]] [[tool:Bash {"command":"ls"}]] List.', **mark}]}],
        "tools": [{"name": "Bash", "description": "Runs.", "input_schema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"command": {"type": "string"}, "timeout": {"type": "number"}}, "required": ["command"], "additionalProperties": False}},
                  {"type": "custom", "name": "Read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}, **mark}],
        "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": "523f0a24-d612-43d1-9bfe-2ba9983b9d61"})},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    }
    if model != "anthropic/claude-opus-4-5":
        body |= {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
    else:
        body |= {"thinking": {"type": "enabled", "budget_tokens": 8000}}
    post = lambda path, body: gateway.post(body, path, headers)  # noqa: E731
    first = post("/v1/messages?beta=true", body)
    assert first.status == 200, f"HTTP {first.status}: {first.raw[:300]!r}"
    calls = [block for block in first.json["content"] if block["type"] == "tool_use"]
    # `demo` takes no directives: it calls the first tool that it is given.
    assert [call["name"] for call in calls] == ["Bash"], first.json["content"]
    results = [{"type": "tool_result", "tool_use_id": calls[0]["id"], "content": [{"type": "text", "text": "a.txt"}], "is_error": False}]
    body["messages"] += [{"role": "assistant", "content": first.json["content"]}, {"role": "user", "content": results}]
    last = post("/v1/messages?beta=true", body)
    assert last.status == 200, f"HTTP {last.status}: {last.raw[:300]!r}"
    assert last.json["content"][-1]["type"] == "text" and last.json["stop_reason"] == "end_turn", last.json
    counted = post("/v1/messages/count_tokens?beta=true", {key: body[key] for key in ("model", "system", "messages", "tools")})
    assert counted.status == 200 and counted.json["input_tokens"] > 0, f"HTTP {counted.status}: {counted.raw[:300]!r}"


SHAPES = [a_patch_is_free_text, a_tool_in_a_namespace_is_called_in_it, hosted_tools_and_their_history_refuse_nothing, tools_that_an_item_adds_are_there, claude_codes_own_shape]


def run(gateway: Gateway, sim: Simulator, word: str) -> Iterator[tuple[str, list[str]]]:
    """The name of each shape, and what is wrong with it."""
    for shape in SHAPES:
        for model in MODELS:
            name = f"{shape.__name__} {model}"
            if word not in name or (model == "demo" and shape is not hosted_tools_and_their_history_refuse_nothing):
                continue
            sim.request("POST", "/_sim/reset")
            problems = []
            try:
                shape(gateway, model)
            except (AssertionError, KeyError, IndexError, ValueError) as error:
                problems.append(str(error)[:600] or repr(error))
            found = [entry for entry in sim.get("/_sim/log?violations=1")["requests"] if entry["violations"] not in LEARNT]
            yield name, problems + [f"the provider finds fault: {str(entry['violations'])[:300]}" for entry in found]
