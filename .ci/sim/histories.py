"""Conversations and settings as clients really send them: foreign ids, odd orders, schemas of every shape."""

from __future__ import annotations

import stream as streams
from bench import Run
from cases import TIME, TOOLS, WEATHER, data_url, png, user

RICH = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Trip", "type": "object", "additionalProperties": False, "required": ["stops", "how", "level"],
    "properties": {
        "stops": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/stop"}, "description": "In order."},
        "how": {"anyOf": [{"type": "string", "enum": ["train", "car"]}, {"type": "null"}]},
        "level": {"type": "integer", "enum": [1, 2, 3]},
        "when": {"type": "string", "format": "date-time", "examples": ["2026-01-01T00:00:00Z"]},
        "note": {"type": ["string", "null"], "maxLength": 80, "pattern": "^[a-z]*$", "default": None},
        "exact": {"const": "yes"},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "pair": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "boolean"}]},
    },
    "$defs": {"stop": {"type": "object", "properties": {"city": {"type": "string"}, "nights": {"type": "integer", "minimum": 0, "exclusiveMaximum": 30}}, "required": ["city"]}},
}


def call(call_id: str, name: str = "get_weather", arguments: str = '{"city":"Bonn"}') -> dict:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output(call_id: str, text: str = "sunny") -> dict:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def foreign_calls(run: Run) -> None:
    """Call ids of other vendors: as long as they may be, and with characters that some refuse."""
    # An unknown server of the compatible kind is taken to bear what the specification allows; OpenAI's own chat API bears 40.
    for call_id in ("functions.get_weather:0", "töölü 1", "x" * (40 if run.lane.is_chat else 64)):
        asked = [user("Weather?"), {**call(call_id), "id": "fc_1", "status": "completed"}, {**output(call_id), "id": "fco_1", "status": "completed"}, user("And now?")]
        run.right(run.ask(asked, tools=TOOLS))


def foreign_ids(run: Run) -> None:
    """Items with the ids and states that another gateway gave them, and reasoning whose state nobody here made."""
    asked = [{**user("One?"), "id": "msg_user", "status": "completed"},
             {"type": "reasoning", "id": "rs_foreign", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "llmgw1.bm90LW91cnM"},
             {"type": "message", "role": "assistant", "id": "msg_foreign", "status": "completed", "content": [{"type": "output_text", "text": "One.", "annotations": [], "logprobs": []}]},
             {"type": "reasoning", "id": "rs_empty", "summary": []}, {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, user("Two?")]
    run.ask_soundly(asked)
    run.ask_soundly(asked[:1] + asked[2:])


def tools_gone(run: Run) -> None:
    """Calls in the history, and no tools any more; a tool that is no longer offered."""
    history = [user("Weather?"), call("call_1"), output("call_1"), user("Thanks, and now?")]
    run.right(run.ask(history))
    run.right(run.ask(history, tools=[TIME]))


def shuffled(run: Run) -> None:
    """Parallel calls whose outputs come in another order, empty, and as JSON."""
    asked = [user("Both?"), {"role": "assistant", "content": "I look."}, call("call_1"), call("call_2", "get_time", '{"zone":"UTC"}'), output("call_2", ""), output("call_1", '{"a":[1]}')]
    run.right(run.ask(asked, tools=TOOLS))
    run.right(run.ask(asked + [user("So?")], tools=TOOLS))


def empty_arguments(run: Run) -> None:
    """Arguments that some clients send for none at all."""
    for arguments in ("{}", "", " "):
        run.ask_soundly([user("Go."), call("call_1", "ping", arguments), output("call_1")], tools=[{"type": "function", "name": "ping", "parameters": {"type": "object", "properties": {}}}])


def edges(run: Run) -> None:
    """Conversations without a user, without words, with the model's turn last: answered, or refused before anybody is asked."""
    if run.lane.upstream != "openai":  # whose own refusal says it well enough
        run.ask_soundly([])
    run.ask_soundly([{"role": "developer", "content": "Be kind."}])
    run.ask_soundly([user("")])
    run.ask_soundly([user(" \n ")])
    run.ask_soundly([user("One?"), {"role": "assistant", "content": ""}, user("Two?")])
    run.ask_soundly([user("Say:"), {"role": "assistant", "content": "Once upon a "}])
    run.ask_soundly([{"role": "assistant", "content": "Hello, who is there?"}, user("Me.")])
    run.ask_soundly([user("What?", {"type": "input_image", "image_url": data_url("image/png", png())}), {"role": "assistant", "content": "Red."}, user("Sure?")])
    run.ask_soundly("x" * 200_000)


def rich_schemas(run: Run) -> None:
    """Schemas with references, unions, limits and formats, as a tool's and as the answer's."""
    tool = {"type": "function", "name": "plan_trip", "description": "Plans.", "parameters": RICH, "strict": False}
    response = run.right(run.ask("[[tools:1]]", tools=[tool, WEATHER]))
    run.need(bool(response and streams.calls(response)), "no call")
    run.ask_soundly("Make one.", text={"format": {"type": "json_schema", "name": "trip", "schema": RICH, "strict": False}})
    top = {"type": "function", "name": "either", "parameters": {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, {"type": "object", "properties": {"b": {"type": "integer", "minimum": 0, "exclusiveMinimum": True}}, "required": ["b"]}]}}
    if run.lane.upstream != "openai":  # refuses such a root itself
        run.ask_soundly("[[tools:1]]", tools=[top])


def odd_settings(run: Run) -> None:
    """Each setting at its far end, one at a time."""
    for fields in ({"temperature": 2}, {"temperature": 0}, {"top_p": 0.1}, {"presence_penalty": 2}, {"frequency_penalty": -2}, {"max_output_tokens": 900_000},
                   {"max_output_tokens": 16}, {"service_tier": "flex"}, {"service_tier": "priority"}, {"truncation": "auto"}, {"text": {"verbosity": "high"}},
                   {"max_tool_calls": 1}, {"parallel_tool_calls": False}, {"tools": TOOLS, "tool_choice": "none"}, {"metadata": {}}, {"instructions": ""},
                   {"reasoning": {}}, {"reasoning": {"summary": "detailed"}}, {"temperature": 0.2, "tools": TOOLS, "reasoning": {"effort": "low"}}):
        if run.lane.is_chat and "reasoning" in fields:
            continue
        before = len(run.problems)
        run.ask_soundly("Hello.", **fields)
        run.problems[before:] = [f"{fields}: {problem}" for problem in run.problems[before:]]


def logprobs(run: Run) -> None:
    """Carried where the model has them, lost elsewhere."""
    answer = run.ask_soundly("Hello.", include=["message.output_text.logprobs"], top_logprobs=2)
    if run.lane.upstream == "openai" and not run.lane.reasons and answer.response:
        parts = [part for item in answer.response["output"] if item["type"] == "message" for part in item["content"]]
        run.need(any(part.get("logprobs") for part in parts), "no logprobs")


def hosted(run: Run) -> None:
    """A tool of a vendor's is carried there and dropped with a word elsewhere; a field that nobody knows, too."""
    answer = run.ask("Hello.", tools=[{"type": "acme:oracle"}, WEATHER]) if run.lane.upstream != "openai" or run.lane.is_chat else None
    if answer is not None:
        run.right(answer)
        run.need("tools[0]" in answer.headers.get("x-llmgw-lossy", ""), "the tool is lost without a word")


HISTORIES = [foreign_calls, foreign_ids, tools_gone, shuffled, empty_arguments, edges, rich_schemas, odd_settings, logprobs, hosted]
