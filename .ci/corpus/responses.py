"""Responses: the terminal event carries the whole answer, so a stream is read from its end."""

from recording import Facts, counts, frames, number

TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


def final(recording):
    """The response object of a reply, and whether a stream was cut before it."""
    if recording.sse is None:
        return recording.body, False
    done, last, cut = {}, {}, True
    for event in frames(recording.sse):
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "response.output_item.done":
            done[event["output_index"]] = event["item"]
        elif kind in TERMINAL:
            last, cut = event["response"], False
        elif kind in ("response.created", "response.in_progress") and cut:
            last = event["response"]
    if not last.get("output"):
        # The ChatGPT backend ends with an empty list: the items were in their own events only.
        last = {**last, "output": [done[index] for index in sorted(done)]}
    for at, item in enumerate(last["output"]):
        # Opaque state is encrypted anew in each event. Any of them is right; the item's own event has the one that
        # most clients keep.
        if item.get("encrypted_content") and (done.get(at) or {}).get("encrypted_content"):
            item["encrypted_content"] = done[at]["encrypted_content"]
    return last, cut


def read(recording):
    """The facts of a reply."""
    response, cut = final(recording)
    facts = Facts(model=response.get("model") or "", items=[])
    whole = True
    for item in response.get("output") or []:
        facts.items.append(item["type"])
        whole = read_item(item, facts) and whole
    status = response.get("status")
    if cut:
        facts.end = "failed"
    elif status == "incomplete":
        facts.end = "incomplete:" + (response.get("incomplete_details") or {}).get("reason", "*")
    else:
        facts.end = {"complete": "completed"}.get(status, status)
    facts.counted = response.get("usage")
    facts.usage = usage(facts.counted)
    facts.tier = response.get("service_tier") or ""
    return facts


def read_item(item, facts):
    """One item of the output."""
    kind = item["type"]
    if kind == "message":
        for part in item["content"]:
            facts.text += part.get("text") or "" if part["type"] == "output_text" else ""
            facts.refusal += part.get("refusal") or "" if part["type"] == "refusal" else ""
    elif kind == "reasoning":
        for part in (item.get("summary") or []) + (item.get("content") or []):
            facts.reasoning += part.get("text") or ""
        if item.get("encrypted_content"):
            facts.opaque.append(item["encrypted_content"])
    elif kind == "compaction" and item.get("encrypted_content"):
        facts.opaque.append(item["encrypted_content"])
    elif kind == "function_call":
        return facts.call(item["name"], item["arguments"], item["call_id"])
    elif kind == "custom_tool_call":
        facts.customs.append({key: item[key] for key in ("name", "input", "call_id")})
    return True


def usage(raw):
    """The common basis is this protocol's own."""
    if not raw:
        return None
    inside, outside = raw.get("input_tokens_details") or {}, raw.get("output_tokens_details") or {}
    return counts(
        number(raw.get("input_tokens")),
        number(inside.get("cached_tokens")),
        number(inside.get("cache_write_tokens")),
        number(raw.get("output_tokens")),
        number(outside.get("reasoning_tokens")),
    )
