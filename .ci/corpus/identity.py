"""Identity: a door and a provider of one protocol give back the same JSON, minus what is listed here by name."""

import json

import responses

# What a response may lose or gain, and why.
REPLY_FREE = {
    "object": "a constant",
    "llmgw": "ours: the model that answered, attempts, losses",
    "created_at": "some servers leave it out or write fractions",
    "completed_at": "the same; and the gateway fills it where a server leaves it out",
    "id": "given by the gateway where a server has none of the right form",
    "usage": "compared as counts on the common basis",
    "status": "compared as the end",
    "error": "compared as the end",
    "instructions": "echo: the request's own, not the server's",
}


def reply(recording, found):
    """The output in the native profile, item by item."""
    theirs, cut = responses.final(recording)
    ours = found.get("response") or {}
    if cut or theirs.get("status") == "failed":
        return
    for at, item in enumerate(theirs.get("output") or []):
        listed = ours.get("output") or []
        got = listed[at] if at < len(listed) else None
        if plain_item(item) != plain_item(got or {}):
            yield f"output.{item['type']}", plain_item(item), plain_item(got or {})
    for key, value in theirs.items():
        if key in REPLY_FREE or key == "output" or value is None:
            continue
        if key not in ours:
            yield "beyond", {key: value}, "absent"


def plain_item(item):
    """An item without nulls and without the empty lists that the specification wants always there."""
    plain = without_nulls(item)
    if isinstance(plain, dict):
        plain.pop("status", None)
        plain.pop("id", None)
        for part in plain.get("content") or []:
            for key in ("annotations", "logprobs"):
                if isinstance(part, dict) and part.get(key) == []:
                    part.pop(key)
            for note in part.get("annotations") or []:
                if note.get("type") == "url_citation":
                    # Some servers cite without a range; the specification wants one.
                    for key, empty in (("title", ""), ("start_index", 0), ("end_index", 0)):
                        note.setdefault(key, empty)
        for key in ("summary", "content"):
            if plain.get(key) == []:
                plain.pop(key)
    return plain


def without_nulls(value):
    """Absent and null mean the same everywhere in this protocol."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value


# What a request may lose or gain on its way to OpenAI, and why. Each entry names a path of the normal form.
REQUEST_FREE = {
    "store": "the gateway keeps what is to be kept; the upstream is told `false`",
    "stream_options": "obfuscation is the gateway's own business; the upstream is told not to pad",
    "include": "encrypted reasoning is always asked for where the model has any",
    "model": "routed",
    "previous_response_id": "the gateway puts the earlier turns in their place",
    "background": "the gateway works in the background itself",
    "stream": "delivery is compared nowhere else; absent means whole",
    "presence_penalty": "unknown to OpenAI's Responses API",
    "frequency_penalty": "unknown to OpenAI's Responses API",
}


def request(recording, found):
    """The request as it came and as it would go on."""
    body, told = recording.request.get("body"), found.get("request")
    if not isinstance(body, dict) or told is None:
        return
    if "refused" in told:
        yield "request", "carried", told
        return
    came, goes = normal(body), normal(told["sent"])
    lost = {loss[0] for loss in told.get("losses") or []}
    for key in sorted(came.keys() | goes.keys()):
        if key in REQUEST_FREE or any(name == key or name.startswith(f"{key}.") for name in lost):
            continue
        if key == "input":
            forget_ids(came.get(key) or [], goes.get(key) or [])
        if came.get(key) != goes.get(key):
            yield f"request.{key}", came.get(key), goes.get(key)


def forget_ids(came, goes):
    """An item's id may go (it names an object that the upstream does not store), but never change."""
    for left, right in zip(came, goes):
        if "id" not in right and left["type"] != "item_reference":
            left.pop("id", None)


def normal(body):
    """The normal form: a list of items with their types, parts in place of bare strings, no nulls."""
    body = without_nulls(body)
    listed = body.get("input")
    if isinstance(listed, str):
        listed = [{"role": "user", "content": listed}]
    if listed is not None:
        items = [normal_item(item) for item in listed]
        # Reasoning without its encrypted content is a bare id, which an upstream that stores nothing does not know.
        bare = lambda item: item["type"] == "reasoning" and not item.get("encrypted_content")
        body["input"] = [item for item in items if not bare(item)]
    for key, default in (("input", []), ("tools", []), ("background", False), ("metadata", {}), ("truncation", "disabled")):
        if body.get(key) == default:
            body.pop(key)
    return body


def normal_item(item):
    """`id` and `status` are the gateway's to drop (they name objects that are not stored upstream)."""
    item = dict(item)
    item.setdefault("type", "message" if "role" in item else "item_reference")
    kind = item["type"]
    if kind == "message":
        if item.get("role") != "assistant":
            item.pop("id", None)
            item.pop("status", None)
        said = "output_text" if item.get("role") == "assistant" else "input_text"
        if isinstance(item.get("content"), str):
            item["content"] = [{"type": said, "text": item["content"]}]
        for part in item.get("content") or []:
            for key in ("annotations", "logprobs"):
                if part.get(key) == []:
                    part.pop(key)
    if kind == "reasoning":
        item.pop("status", None)
        if item.get("content") == []:
            item.pop("content")
    return json.loads(json.dumps(item))
