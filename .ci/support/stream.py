"""Reads and judges the streams of the gateway, by the specification alone: nothing here was taken from its code.

Open Responses 2026-04-24: `event:` and one line of `data:` a frame, LF only, `[DONE]` at the end; items open before
they grow and close once; joined deltas equal what the `done` events carry, and the terminal response has all of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

TERMINALS = ("response.completed", "response.incomplete", "response.failed")


@dataclass
class Stream:
    """What came: events in their order, and what was wrong with the frames."""

    events: list[dict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def terminal(self) -> dict | None:
        for event in reversed(self.events):
            if event.get("type") in TERMINALS:
                return event
        return None

    @property
    def response(self) -> dict | None:
        terminal = self.terminal
        return terminal["response"] if terminal else None


def read(raw: bytes) -> Stream:
    """Takes a whole stream apart."""
    stream = Stream()
    if b"\r" in raw:
        stream.problems.append("a carriage return in the stream")
    blocks = raw.split(b"\n\n")
    if blocks[-1] != b"":
        stream.problems.append(f"the last frame is cut: {blocks[-1][:80]!r}")
    for block in blocks[:-1]:
        lines = [line for line in block.split(b"\n") if not line.startswith(b":")]
        if not lines:
            continue
        if stream.done:
            stream.problems.append("something after [DONE]")
        if lines == [b"data: [DONE]"]:
            stream.done = True
            continue
        if len(lines) != 2 or not lines[0].startswith(b"event: ") or not lines[1].startswith(b"data: "):
            stream.problems.append(f"an odd frame: {block[:120]!r}")
            continue
        try:
            event = json.loads(lines[1][6:].decode("utf-8"))
        except (ValueError, RecursionError) as error:
            stream.problems.append(f"a frame that is no JSON: {error}")
            continue
        if not isinstance(event, dict) or str(event.get("type")).encode() != lines[0][7:]:
            stream.problems.append(f"{lines[0]!r} does not name {str(event)[:80]}")
            continue
        stream.events.append(event)
    return stream


class Grammar:
    """Follows one stream event by event and collects every breach."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.items: list[dict] = []  # {"id", "type", "open", "part", "item", "parts", "summary", "args"}
        self.ended = False
        self.error = False

    def say(self, problem: str) -> None:
        self.problems.append(problem)

    def check(self, stream: Stream) -> list[str]:
        self.problems = list(stream.problems)
        types = [event.get("type") for event in stream.events]
        head = [t for t in types[:3] if t != "response.queued"][:2]
        if head != ["response.created", "response.in_progress"] and types[:2] != ["response.created", "error"]:
            self.say(f"begins with {types[:3]}")
        for number, event in enumerate(stream.events):
            if event.get("sequence_number") != number:
                self.say(f"sequence_number {event.get('sequence_number')} where {number} is next")
            self.step(event)
        if sum(t in TERMINALS for t in types) != 1:
            self.say(f"{sum(t in TERMINALS for t in types)} terminal events")
        if not stream.done:
            self.say("no [DONE]")
        return self.problems

    def step(self, event: dict) -> None:
        kind = event["type"]
        if self.ended:
            self.say(f"{kind} after the terminal event")
            return
        if self.error and kind != "response.failed":
            self.say(f"{kind} after error")
        if kind in TERMINALS:
            self.ended = True
            self.terminal(kind, event["response"])
        elif kind == "error":
            self.error = True
        elif kind == "response.output_item.added":
            self.added(event)
        elif kind in ("response.created", "response.queued", "response.in_progress"):
            if event["response"]["status"] != kind.removeprefix("response.").replace("created", "in_progress"):
                self.say(f"{kind} with status {event['response']['status']}")
        else:
            self.inside(kind, event)

    def added(self, event: dict) -> None:
        item = event["item"]
        if event["output_index"] != len(self.items):
            self.say(f"output_index {event['output_index']} where {len(self.items)} is next")
        if any(known["open"] for known in self.items):
            self.say("an item opens while another is open")
        if any(known["id"] == item["id"] for known in self.items):
            self.say(f"two items with the id {item['id']}")
        if item.get("content") or item.get("summary") or item.get("arguments"):
            self.say("an item opens with content")
        # The schema has no status on these two, and a relayed one may lack it.
        if item["type"] not in ("compaction", "reasoning") and item.get("status") != "in_progress":
            self.say(f"an item opens with status {item.get('status')}")
        self.items.append({"id": item["id"], "type": item["type"], "open": True, "part": None, "parts": [], "summary": [], "args": "", "done_args": None})

    def inside(self, kind: str, event: dict) -> None:
        index = event.get("output_index")
        if not isinstance(index, int) or not 0 <= index < len(self.items):
            self.say(f"{kind} for item {index}, which was never added")
            return
        item = self.items[index]
        if not item["open"]:
            self.say(f"{kind} for item {index}, which is done")
            return
        name = event["item"]["id"] if kind == "response.output_item.done" else event.get("item_id")
        if name != item["id"]:
            self.say(f"{kind}: item {index} by the id {name}")
        if kind == "response.output_item.done":
            self.item_done(index, item, event["item"])
        elif kind.startswith("response.function_call_arguments."):
            self.arguments(kind, item, event)
        else:
            self.part(kind, index, item, event)

    def arguments(self, kind: str, item: dict, event: dict) -> None:
        if kind.endswith(".delta"):
            if item["done_args"] is not None:
                self.say("arguments after their done")
            item["args"] += event["delta"]
            return
        if event["arguments"] != item["args"]:
            self.say("the arguments differ from their deltas")
        item["done_args"] = event["arguments"]

    def part(self, kind: str, index: int, item: dict, event: dict) -> None:
        channel = "summary" if "summary" in kind else "parts"
        at = event.get("summary_index" if channel == "summary" else "content_index")
        if kind.endswith("part.added"):
            if item["part"] is not None:
                self.say(f"a part of item {index} opens while another is open")
            if at != len(item[channel]):
                self.say(f"part {at} where {len(item[channel])} is next")
            item["part"] = (channel, at)
            item[channel].append({"text": "", "done": None, "part": None, "notes": 0})
            return
        if item["part"] != (channel, at):
            self.say(f"{kind} for part {at} of item {index}, which is not open")
            return
        part = item[channel][at]
        if kind.endswith(".delta"):
            if part["done"] is not None:
                self.say("a delta after its done")
            part["text"] += event["delta"]
        elif kind.endswith("annotation.added"):
            if event["annotation_index"] != part["notes"]:
                self.say("annotations are not numbered in order")
            part["notes"] += 1
        elif kind.endswith("part.done"):
            if text_of(event["part"]) != part["text"]:
                self.say("the part differs from its deltas")
            if part["done"] is None:
                self.say(f"{kind} before its text was done")
            part["part"], item["part"] = event["part"], None
        elif kind.endswith(".done"):
            part["done"] = event.get("text", event.get("refusal"))
            if part["done"] != part["text"]:
                self.say("the done text differs from its deltas")
        else:
            self.say(f"an unknown event {kind}")

    def item_done(self, index: int, item: dict, done: dict) -> None:
        if item["part"] is not None:
            self.say(f"item {index} is done while a part is open")
        if done["type"] != item["type"]:
            self.say(f"item {index} changed its type")
        if done["type"] == "function_call" and done["arguments"] != item["done_args"]:
            self.say("the call differs from its done arguments")
        for channel, key in (("parts", "content"), ("summary", "summary")):
            if [p["part"] for p in item[channel]] != (done.get(key) or []):
                self.say(f"{key} of item {index} differs from its parts")
        item["open"], item["item"] = False, done

    def terminal(self, kind: str, response: dict) -> None:
        status = kind.removeprefix("response.")
        if response["status"] != status:
            self.say(f"{kind} with status {response['status']}")
        if any(item["open"] for item in self.items):
            self.say("an item was never closed")
        if response["output"] != [item.get("item") for item in self.items]:
            self.say("the terminal output differs from the items")
        states = [item.get("status") for item in response["output"]]
        if status == "completed" and any(state != "completed" for state in states if state):
            self.say(f"completed with items {states}")
        if status != "failed" and "incomplete" in states[:-1]:
            self.say("an incomplete item is not the last")
        if status == "failed" and not (response.get("error") or {}).get("code"):
            self.say("failed without an error code")
        if status == "completed" and (response.get("error") or response.get("incomplete_details")):
            self.say("completed with an error or incomplete_details")


def text_of(part: dict) -> str:
    return part.get("text", part.get("refusal", ""))


def text(response: dict) -> str:
    """All text that the model said."""
    parts = [p for item in response["output"] if item["type"] == "message" for p in item["content"]]
    return "".join(p["text"] for p in parts if p["type"] == "output_text")


def refusal(response: dict) -> str:
    parts = [p for item in response["output"] if item["type"] == "message" for p in item["content"]]
    return "".join(p["refusal"] for p in parts if p["type"] == "refusal")


def calls(response: dict) -> list[dict]:
    return [item for item in response["output"] if item["type"] == "function_call"]


def reasoning(response: dict) -> list[dict]:
    return [item for item in response["output"] if item["type"] == "reasoning"]
