"""Chat Completions: the chunks of choice 0 are put together to one message, which is then read."""

from recording import Facts, counts, frames, number

ENDS = {
    "stop": "completed",
    "tool_calls": "completed",
    "function_call": "completed",
    "length": "incomplete:max_output_tokens",
    "content_filter": "incomplete:content_filter",
    "error": "failed",
}
SEALED = ("signature", "data")


def read(recording):
    """The facts of a reply."""
    chunks = frames(recording.sse) if recording.sse is not None else [recording.body]
    facts, calls, detail_text, finish, failed, raw = Facts(), {}, "", None, False, None
    done = False
    for chunk in chunks:
        done = done or chunk == "[DONE]"
        if not isinstance(chunk, dict):
            continue
        if chunk.get("error"):
            failed = True
        facts.model = facts.model or chunk.get("model") or ""
        facts.tier = chunk.get("service_tier") or facts.tier
        raw = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") or raw
        for choice in chunk.get("choices") or []:
            if choice.get("index", 0) != 0:
                continue
            finish = choice.get("finish_reason") or finish
            if choice.get("finish_reason") == "" and not recording.is_streamed:
                finish = "(empty)"
            message = choice.get("delta") or choice.get("message") or {}
            detail_text += read_message(message, facts, calls)
    whole = True
    for call in sorted(calls.values(), key=lambda call: call["order"]):
        whole = facts.call(call["name"], call["arguments"], call["id"]) and whole
    facts.reasoning = facts.reasoning or detail_text
    said = bool(facts.text or facts.refusal or facts.calls)
    if finish is None and done:
        # The protocol's own terminal marker: nothing was cut, though some servers never say why they stopped.
        finish = "(none)"
    if recording.body and "content_filter" in str((recording.body.get("error") or {}).get("code")):
        facts.end = "incomplete:content_filter"
    elif failed or finish is None:
        facts.end = "failed"
    else:
        facts.end = ENDS.get(finish, "completed" if said else "failed")
    if facts.end == "completed" and not whole:
        facts.end = "failed"
    facts.counted = raw
    facts.usage = usage(raw)
    return facts


def read_message(message, facts, calls):
    """One message or delta; returns the reasoning text that only `reasoning_details` had."""
    content = message.get("content")
    if isinstance(content, str):
        facts.text += content
    for part in content if isinstance(content, list) else []:
        if part["type"] == "thinking":
            facts.reasoning += "".join(piece.get("text", "") for piece in part["thinking"])
        elif part["type"] == "text":
            facts.text += part["text"]
    facts.refusal += message.get("refusal") or ""
    facts.reasoning += message.get("reasoning_content") or message.get("reasoning") or ""
    detail_text = ""
    for detail in message.get("reasoning_details") or []:
        detail_text += detail.get("text") or detail.get("summary") or ""
        facts.opaque += [detail[key] for key in SEALED if detail.get(key)]
    for call in message.get("tool_calls") or []:
        read_call(call, facts, calls)
    legacy = message.get("function_call")
    if legacy and (legacy.get("name") or "legacy" in calls):
        entry = calls.setdefault("legacy", {"order": -1, "name": "", "arguments": "", "id": None})
        entry["name"] += legacy.get("name") or ""
        entry["arguments"] += legacy.get("arguments") or ""
    return detail_text


def read_call(call, facts, calls):
    """Pieces of a call share an index; a new id at an old index is a new call."""
    custom = call.get("custom")
    if custom and custom.get("name"):
        facts.customs.append({"name": custom["name"], "input": custom["input"], "call_id": call["id"]})
        return
    function = call.get("function") or {}
    at = call.get("index")
    latest = [c for c in calls.values() if at is None or c["index"] == at]
    entry = latest[-1] if latest else None
    begins = entry is None or (call.get("id") and entry["id"] and call["id"] != entry["id"])
    if begins:
        entry = {"order": len(calls), "index": at, "name": "", "arguments": "", "id": None}
        calls[len(calls)] = entry
    entry["id"] = entry["id"] or call.get("id")
    entry["name"] = entry["name"] or function.get("name") or ""
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        entry["arguments"] += arguments
    elif arguments:
        entry["arguments"] = arguments
    signature = ((call.get("extra_content") or {}).get("google") or {}).get("thought_signature")
    if signature:
        facts.opaque.append(signature)


def usage(raw):
    """Reasoning is inside `completion_tokens`, unless the total says that it is not."""
    if not raw or raw.get("prompt_tokens") is None:
        return None
    inside, outside = raw.get("prompt_tokens_details") or {}, raw.get("completion_tokens_details") or {}
    prompt, said = number(raw.get("prompt_tokens")), number(raw.get("completion_tokens"))
    thought = number(outside.get("reasoning_tokens"))
    if thought and number(raw.get("total_tokens")) == prompt + said + thought:
        said += thought
    cached = inside.get("cached_tokens")
    if cached is None:
        cached = raw.get("prompt_cache_hit_tokens")
    return counts(prompt, number(cached), number(inside.get("cache_write_tokens")), said, thought)
