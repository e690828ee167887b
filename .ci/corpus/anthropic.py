"""Messages API: puts a stream's blocks together to the message that it stands for, then reads the message."""

import json

from recording import Facts, counts, frames, number

ENDS = {
    "end_turn": "completed",
    "stop_sequence": "completed",
    "tool_use": "completed",
    "max_tokens": "incomplete:max_output_tokens",
    "model_context_window_exceeded": "incomplete:max_output_tokens",
    "refusal": "incomplete:content_filter",
    "pause_turn": "incomplete:*",
}


def assemble(events):
    """The message of a stream, `None` for its stop reason if the stream was cut."""
    message, finished, failed = {"content": []}, False, False
    blocks = {}
    for event in events:
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "message_start":
            # A second start belongs to nobody: the first one opened the answer.
            if "id" not in message:
                message = json.loads(json.dumps(event["message"]))
                for index, block in enumerate(message.get("content") or []):
                    blocks[index] = block
        elif kind == "content_block_start":
            blocks[event["index"]] = json.loads(json.dumps(event["content_block"]))
        elif kind == "content_block_delta":
            grow(blocks[event["index"]], event["delta"])
        elif kind == "message_delta":
            for key, value in event["delta"].items():
                message[key] = value
            usage = message.setdefault("usage", {})
            usage.update({k: v for k, v in (event.get("usage") or {}).items() if v is not None})
        elif kind == "message_stop":
            finished = True
        elif kind == "error":
            failed = True
    message["content"] = [blocks[index] for index in sorted(blocks)]
    if failed or not finished:
        message["stop_reason"] = None
    return message


def grow(block, delta):
    """Adds one delta to its block."""
    kind = delta["type"]
    if kind == "text_delta":
        block["text"] = block.get("text", "") + delta["text"]
    elif kind == "input_json_delta":
        block["json"] = block.get("json", "") + delta["partial_json"]
    elif kind == "thinking_delta":
        block["thinking"] = block.get("thinking", "") + delta["thinking"]
    elif kind == "citations_delta":
        block["citations"] = (block.get("citations") or []) + [delta["citation"]]
    elif kind == "compaction_delta":
        block["content"] = (block.get("content") or "") + delta["content"]
    elif kind == "signature_delta":
        block["signature"] = block.get("signature", "") + delta["signature"]


def read(recording):
    """The facts of a reply."""
    message = assemble(frames(recording.sse)) if recording.sse is not None else recording.body
    facts = Facts(model=message.get("model") or "")
    reason = message.get("stop_reason")
    whole = True
    for block in message.get("content") or []:
        kind = block["type"]
        if kind == "text":
            facts.text += block["text"]
        elif kind == "thinking":
            facts.reasoning += block["thinking"]
            if block.get("signature"):
                facts.opaque.append(block["signature"])
        elif kind == "redacted_thinking":
            facts.opaque.append(block["data"])
        elif kind == "tool_use":
            arguments = block.get("json") or block.get("input") or {}
            whole = facts.call(block["name"], arguments, block["id"]) and whole
    said = bool(facts.text or facts.calls)
    if reason is None:
        facts.end = "failed"
    else:
        facts.end = ENDS.get(reason, "completed" if said else "failed")
    if facts.end == "completed" and not whole:
        facts.end = "failed"
    if reason == "refusal" and not said:
        facts.refusal = (message.get("stop_details") or {}).get("explanation") or ""
    facts.counted = message.get("usage")
    facts.usage = usage(facts.counted)
    tiers = facts.counted or {}
    facts.tier = tiers["speed"] if tiers.get("speed") == "fast" else tiers.get("service_tier") or ""
    return facts


def usage(raw):
    """`input_tokens` counts neither cache reads nor cache writes, so they are added."""
    if not raw:
        return None
    cached = number(raw.get("cache_read_input_tokens"))
    written = number(raw.get("cache_creation_input_tokens"))
    thought = number((raw.get("output_tokens_details") or {}).get("thinking_tokens"))
    fresh = number(raw.get("input_tokens"))
    return counts(fresh + cached + written, cached, written, number(raw.get("output_tokens")), thought)
