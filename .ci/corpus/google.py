"""generateContent: all chunks in a row are one list of parts; the last word on counts and on the end stands."""

import json
import re

from recording import Facts, counts, frames, number

FILTERED = {
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "LANGUAGE",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_OTHER",
    "ESCALATION",
    "MODEL_ARMOR",
    "JAILBREAK",
}
BROKEN = {
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "MALFORMED_RESPONSE",
    "MISSING_THOUGHT_SIGNATURE",
    "TOO_MANY_TOOL_CALLS",
}
STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]|\['([^']*)'\]")


def assemble(chunks):
    """One chunk with all parts, neighbouring texts of one kind joined; `None` where a whole reply cannot say it."""
    if not all(isinstance(chunk, dict) and "error" not in chunk for chunk in chunks):
        return None
    parts, whole, candidate = [], {}, {}
    for chunk in chunks:
        whole |= chunk
        for piece in (chunk.get("candidates") or [])[:1]:
            candidate |= piece
            parts += (piece.get("content") or {}).get("parts") or []
    if any("partialArgs" in (part.get("functionCall") or {}) for part in parts):
        return None
    joined = []
    for part in parts:
        text = set(part) <= {"text", "thought"} and "text" in part
        if text and joined and set(joined[-1]) == set(part):
            joined[-1] = {**part, "text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    if candidate:
        whole["candidates"] = [{**candidate, "content": {"parts": joined, "role": "model"}}]
    return whole


def chunks_of(recording):
    """The chunks of a reply, however it was delivered."""
    if recording.sse is not None:
        return frames(recording.sse)
    return recording.body if isinstance(recording.body, list) else [recording.body]


def in_numbers(recording):
    """Was it asked with `enum-encoding=int`, which writes the numbers of the protocol buffer in place of words?"""
    candidates = [c for chunk in chunks_of(recording) for c in chunk.get("candidates") or []]
    return any(isinstance(candidate.get("finishReason"), int) for candidate in candidates)


def read(recording):
    """The facts of a reply."""
    facts, finish, blocked, failed, partial, count = Facts(), None, None, False, None, None
    for chunk in chunks_of(recording):
        if not isinstance(chunk, dict) or "error" in chunk:
            failed = True
            continue
        facts.model = facts.model or chunk.get("modelVersion") or ""
        count = chunk.get("usageMetadata") or count
        blocked = (chunk.get("promptFeedback") or {}).get("blockReason") or blocked
        for candidate in (chunk.get("candidates") or [])[:1]:
            finish = candidate.get("finishReason") or finish
            for part in (candidate.get("content") or {}).get("parts") or []:
                partial = read_part(part, facts, partial)
    facts.counted = count
    facts.usage = usage(count)
    facts.tier = tier(count or {})
    facts.end = end(finish, blocked, failed, bool(facts.text or facts.calls))
    if facts.end == "incomplete:content_filter" and blocked and not facts.text and not facts.calls:
        facts.refusal = blocked
    return facts


def read_part(part, facts, partial):
    """One part; returns the streamed call that is still open."""
    signature = part.get("thoughtSignature")
    # Google's own tools run in Google's own turn: what their parts bear is not asked back of a client.
    if signature and ("text" in part or "functionCall" in part):
        facts.opaque.append(signature)
    if part.get("thought"):
        facts.reasoning += part.get("text", "")
    elif "text" in part:
        facts.text += part["text"]
    elif "functionCall" in part:
        return read_call(part["functionCall"], facts, partial)
    return partial


def read_call(call, facts, partial):
    """A call comes whole, or as a name, then pieces addressed by paths, then an empty object."""
    if partial is not None and not call.get("name"):
        for piece in call.get("partialArgs") or []:
            put(partial["arguments"], piece)
        return partial if call.get("willContinue") else None
    arguments = call.get("args") or {}
    facts.call(call["name"], json.dumps(arguments), call.get("id"))
    entry = facts.calls[-1]
    for piece in call.get("partialArgs") or []:
        put(entry["arguments"], piece)
    return entry if call.get("willContinue") else None


def put(root, piece):
    """Sets or extends what stands at a path such as `$.list[0].name`."""
    steps = [a or c or int(b) for a, b, c in STEP.findall(piece["jsonPath"])]
    at = root
    for step, following in zip(steps, steps[1:] + [None]):
        fresh = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            while len(at) <= step:
                at.append(None)
            if following is not None and at[step] is None:
                at[step] = fresh
        elif following is not None:
            at.setdefault(step, fresh)
        if following is not None:
            at = at[step]
    last = steps[-1]
    if "stringValue" in piece:
        before = at[last] if isinstance(last, int) else at.get(last)
        at[last] = (before or "") + piece["stringValue"]
    elif "numberValue" in piece:
        at[last] = piece["numberValue"]
    elif "boolValue" in piece:
        at[last] = piece["boolValue"]
    elif "nullValue" in piece:
        at[last] = None


def end(finish, blocked, failed, said):
    """How the answer ended."""
    if failed:
        return "failed"
    if finish is None:
        return "incomplete:content_filter" if blocked else "failed"
    if finish == "STOP":
        return "completed"
    if finish in ("MAX_TOKENS", "CONTINUATION"):
        return "incomplete:max_output_tokens"
    if finish in FILTERED:
        return "incomplete:content_filter"
    if finish in BROKEN:
        return "failed"
    return "completed" if said else "failed"


def tier(raw):
    """The terms, by the Gemini API's word or by Vertex AI's, where all that is not provisioned is on demand."""
    traffic = (raw.get("trafficType") or "").lower()
    return raw.get("serviceTier") or traffic.removeprefix("on_demand").removeprefix("_")


def usage(raw):
    """Thoughts are never inside the candidates' count, the cache always inside the prompt's."""
    if not raw or not any(key.endswith("TokenCount") for key in raw):
        return None
    prompt = number(raw.get("promptTokenCount")) + number(raw.get("toolUsePromptTokenCount"))
    thought = number(raw.get("thoughtsTokenCount"))
    said = number(raw.get("candidatesTokenCount"))
    return counts(prompt, number(raw.get("cachedContentTokenCount")), 0, said + thought, thought)
