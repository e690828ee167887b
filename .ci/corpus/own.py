"""Law 4 at the doors of Chat Completions and Messages: what a client of the protocol sends goes to its own provider as
it came, and what the provider says reaches the client as it was said, minus what is listed here by name.

The expected side is the recording itself, read by this file and the readers beside it: the body for a whole reply, the
frames for a stream, and the message that those frames make for a stream that is wanted whole.
"""

import collections
import json

import anthropic
from identity import without_nulls
from recording import frames


# Anthropic's own libraries refuse to wait for a longer answer than this in one piece.
LONGEST_WHOLE = 21_333


def misses(recording, found):
    """Every difference of an exchange: (field, expected, got)."""
    own = found.get("own")
    if own is None:
        return
    if isinstance(recording.request.get("body"), dict):
        yield from request(recording, own["request"])
    if recording.status >= 400 or recording.api == "anthropic-count":
        return
    yield from {"anthropic-messages": messages, "openai-chat": chat}[recording.api](recording, own)


def report(all_recordings, found):
    """How much was sent there and back."""
    counted = collections.Counter()
    for recording in all_recordings:
        row = (found.get(recording.id) or {}).get("own") or {}
        counted[recording.api, "requests"] += isinstance(recording.request.get("body"), dict) and "request" in row
        counted[recording.api, "whole replies"] += recording.sse is None and "whole" in row
        counted[recording.api, "streams"] += "frames" in row
    print("there and back at their own doors: " + ", ".join(
        f"{count} {what} of {api}" for (api, what), count in sorted(counted.items()) if count
    ))


def request(recording, told):
    """The request as it came and as it would go on. What the provider refused needs not be carried to it."""
    if recording.status in (400, 422):
        return
    body = recording.request["body"]
    if (body.get("n") or 1) > 1:
        # Several answers are refused at every door: there is no word for them in Open Responses.
        if told.get("param") != "n":
            yield "own.request", "refused for `n`", told
        return
    if "refused" in told:
        yield "own.request", "carried", told
        return
    came, goes = recording.request["body"], told["sent"]
    if recording.api == "openai-chat":
        yield from chat_request(recording, came, goes, told)
        return
    if body.get("max_tokens", 0) > LONGEST_WHOLE:
        # A long answer is asked for as a stream, whatever the client wants: connections do not last that long.
        came, goes = ({key: value for key, value in side.items() if key != "stream"} for side in (came, goes))
    if came != goes:
        yield "own.request", came, goes
    if told["losses"]:
        yield "own.losses", [], told["losses"]
    headers = {name.lower(): value for name, value in (recording.request.get("headers") or {}).items()}
    for name in ("anthropic-version", "anthropic-beta"):
        if name in headers and told["headers"].get(name) != headers[name]:
            yield f"own.{name}", headers[name], told["headers"].get(name)


def messages(recording, own):
    """A message, or the very frames of the stream."""
    if recording.sse is None:
        if recording.body.get("type") == "message" and own["whole"] != recording.body:
            yield "own.whole", recording.body, own["whole"]
        return
    said = [frame for frame in frames(recording.sse) if frame != "[DONE]"]
    got = [frame["data"] for frame in own["frames"]]
    if any(frame["event"] != frame["data"].get("type") for frame in own["frames"]):
        yield "own.events", "the event is the type", [frame["event"] for frame in own["frames"]]
    if got != said:
        yield "own.frames", said, got
    if (message := message_of(said)) is not None and own["whole"] != message:
        yield "own.whole", message, own["whole"]


def message_of(said):
    """The message that the frames make; `None` if they make none that is whole."""
    message = anthropic.assemble(said)
    if message.get("stop_reason") is None:
        return None
    for event in said:
        if event["type"] == "message_delta":
            message |= {key: value for key, value in event.items() if key not in ("type", "delta", "usage")}
    for block in message["content"]:
        text = block.pop("json", "")
        if text:
            try:
                block["input"] = json.loads(text)
            except ValueError:
                block["input"] = {"incomplete_json": text}
    return message


# What a chat request may lose or gain on its way to its own server, and why.
CHAT_REQUEST_FREE = {
    "stream_options": "counts are always asked for, since the gateway settles accounts; padding never is",
    "store": "the gateway keeps what is to be kept",
    "metadata": "notes for what the provider would store, and it stores nothing",
}

# Said or unsaid, the answer is the same.
CHAT_DEFAULTS = {
    "n": 1,
    "stream": False,
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logprobs": False,
    "top_logprobs": 0,
    "parallel_tool_calls": True,
    "service_tier": "auto",
    "verbosity": "medium",
    "response_format": {"type": "text"},
    "modalities": ["text"],
    "tools": [],
    "logit_bias": {},
    "stop": [],
}


def chat_request(recording, came, goes, told):
    """Key by key, in the normal form."""
    came, goes = chat_normal(came, recording), chat_normal(goes, recording)
    for key in sorted(came.keys() | goes.keys()):
        if key in CHAT_REQUEST_FREE or (key == "model" and key not in recording.request["body"]):
            continue
        if came.get(key) != goes.get(key):
            yield f"own.request.{key}", came.get(key), goes.get(key)


def chat_normal(body, recording):
    """No nulls, no defaults, one name for the limit and for the user, tools and not functions, text as one part."""
    body = without_nulls(body)
    for old, new in (("max_completion_tokens", "max_tokens"), ("user", "safety_identifier"), ("random_seed", "seed")):
        if old in body:
            body.setdefault(new, body.pop(old))
    if "functions" in body:
        body["tools"] = [{"type": "function", "function": function} for function in body.pop("functions")]
        choice = body.pop("function_call", None)
        if choice is not None:
            body["tool_choice"] = choice if isinstance(choice, str) else {"type": "function", "function": choice}
    for key, default in CHAT_DEFAULTS.items():
        if body.get(key) == default:
            body.pop(key)
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    if body.get("tool_choice") == "auto":
        body.pop("tool_choice")
    for tool in body.get("tools") or []:
        if "function" in tool:
            tool.setdefault("type", "function")
        function = tool.get("function") or {}
        if function.get("strict") is False:
            function.pop("strict")
        if not function.get("parameters"):
            function["parameters"] = {"type": "object", "properties": {}}
    ids = {}
    body["messages"] = [chat_message(message, ids, recording) for message in body.get("messages") or []]
    return body


# Reasoning of earlier turns goes back to servers that are known to want it; others refuse the field, and clients bring
# it from everywhere.
THOUGHTS = ("reasoning", "reasoning_content", "reasoning_details")
WANT_THOUGHTS = ("deepseek", "openrouter", "zai", "moonshot")


def chat_message(message, ids, recording):
    """A message with its content as parts; call ids by their order, since some servers take only some forms."""
    message = dict(message)
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    message["content"] = content or []
    for call in message.get("tool_calls") or []:
        call["id"] = ids.setdefault(call.get("id"), len(ids))
        call.pop("index", None)
    if "tool_call_id" in message:
        message["tool_call_id"] = ids.get(message["tool_call_id"], message["tool_call_id"])
    for key in ("tool_calls", "annotations", "reasoning_content"):
        if message.get(key) in ([], ""):
            message.pop(key)
    for key in THOUGHTS if recording.vendor not in WANT_THOUGHTS else ():
        message.pop(key, None)
    return message


# What a completion may lose or gain, and why.
CHAT_REPLY_FREE = {
    "object": "a constant, which some servers leave out",
    "obfuscation": "padding",
    "p": "padding of Mistral's",
    "error": "ends an answer as failed",
    "prompt_text": "the text of the prompt",
    "prompt_token_ids": "the ids of single tokens",
}

# Fields of a choice or a message that are compared apart, or say once more what others say.
CHAT_IDLE = ("index", "text", "token_id", "token_ids", "delta", "message", "finish_reason", "seed")


def chat(recording, own):
    """The completion: its own fields, and the answer with what every server says in its own way made equal."""
    chunks = frames(recording.sse) if recording.sse is not None else [recording.body]
    theirs = completion(chunks)
    if theirs is None:
        return
    # A server of this protocol streams if and only if the client does, so each form has its own.
    form, got = ("whole", [own["whole"]]) if recording.sse is None else ("frames", [f["data"] for f in own["frames"]])
    ours = completion(got)
    if ours is None:
        yield f"own.{form}", "an answer", got
        return
    for key in sorted(theirs.keys() | ours.keys()):
        if free(key, theirs, recording, form):
            continue
        if theirs.get(key) != ours.get(key):
            yield f"own.{form}.{key}", theirs.get(key), ours.get(key)


def free(key, theirs, recording, form):
    """What need not be equal, and why."""
    if key in ("id", "created", "message.role") and not theirs.get(key):
        # The gateway fills in what every client expects.
        return True
    if key == "usage" and form == "frames":
        # A stream ends with counts where the client asked for them, and only there.
        body = recording.request.get("body")
        return isinstance(body, dict) and not (body.get("stream_options") or {}).get("include_usage")
    return False


def completion(chunks):
    """Chunks, or one document, as one flat object. `None` if it failed or was cut."""
    whole, message, calls, finish = {}, {}, {}, None
    done = any(chunk == "[DONE]" for chunk in chunks)
    for chunk in chunks:
        if not isinstance(chunk, dict):
            continue
        if chunk.get("error"):
            return None
        for key, value in chunk.items():
            if key == "usage" and value:
                whole["usage"] = value
            elif key == "x_groq" and (value or {}).get("usage"):
                whole["usage"] = value["usage"]
            if key in ("id", "created", "model"):
                whole[key] = whole.get(key) or value
            elif key not in ("choices", "usage") and key not in CHAT_REPLY_FREE and value is not None:
                whole[key] = value
        for choice in chunk.get("choices") or []:
            if choice.get("index", 0) != 0:
                continue
            finish = choice.get("finish_reason") or finish
            for key, value in choice.items():
                if key not in CHAT_IDLE and value not in (None, {}, []):
                    if key == "logprobs":
                        value = grown(whole.get("choice.logprobs"), value)
                    if not value:
                        continue
                    whole[f"choice.{key}"] = value
            grow(message, calls, choice.get("delta") or choice.get("message") or {})
    if finish is None and not done:
        return None
    whole["finish_reason"] = ENDS.get(finish, "stop")
    message["tool_calls"] = [calls[at] for at in sorted(calls)]
    if message["tool_calls"] and whole["finish_reason"] == "stop":
        # Who called a tool did not just stop.
        whole["finish_reason"] = "tool_calls"
    return whole | {f"message.{key}": value for key, value in message.items() if value not in (None, "", [], {})}


ENDS = {"tool_calls": "tool_calls", "function_call": "tool_calls", "length": "length", "content_filter": "content_filter"}


def grown(before, more):
    """Log probabilities of two pieces."""
    joined = dict(before or {})
    for key, value in more.items():
        if isinstance(value, list):
            joined[key] = (joined.get(key) or []) + value
    return joined


def grow(message, calls, delta):
    """Adds a delta. Reasoning has one name here, and parts of text are text."""
    for key, value in delta.items():
        if key == "content" and isinstance(value, list):
            for part in value:
                if part["type"] == "thinking":
                    thought = "".join(piece.get("text", "") for piece in part["thinking"])
                    message["reasoning_content"] = message.get("reasoning_content", "") + thought
                elif part["type"] == "text":
                    message["content"] = message.get("content", "") + part["text"]
        elif key in ("reasoning", "reasoning_content"):
            if key == "reasoning_content" or not delta.get("reasoning_content"):
                message["reasoning_content"] = message.get("reasoning_content", "") + (value or "")
        elif key == "tool_calls":
            for call in value or []:
                grow_call(calls, call)
        elif key == "function_call":
            if value and (value.get("name") or calls):
                grow_call(calls, {"index": 0, "function": value})
        elif key in ("reasoning_details", "token_id"):
            # The first is sealed, and compared where it is opened; the second is the id of a single token.
            continue
        elif key == "annotations":
            message[key] = message.get(key, []) + [cited(note) for note in value or []]
        elif key == "role":
            message[key] = message.get(key) or value
        elif isinstance(value, str):
            message[key] = message.get(key, "") + value
        elif value is not None:
            message[key] = value


def cited(note):
    """A citation; some servers give no range, and this protocol has one."""
    page = note.get("url_citation")
    if page is None:
        return note
    return {"type": "url_citation"} | {key: page.get(key) or 0 for key in ("url", "title", "start_index", "end_index")}


def grow_call(calls, call):
    """A piece of a call; a new id at an old index is a new call. Ids are not compared where servers give none."""
    function = call.get("function") or {}
    at, latest = call.get("index"), None
    for place, known in calls.items():
        if at is None or known["at"] == at:
            latest = place
    if latest is None or (call.get("id") and calls[latest]["id"] and call["id"] != calls[latest]["id"]):
        latest = len(calls)
        calls[latest] = {"at": at, "id": None, "name": "", "arguments": ""}
    entry = calls[latest]
    entry["id"] = entry["id"] or call.get("id")
    entry["name"] = entry["name"] or function.get("name") or ""
    arguments = function.get("arguments")
    if arguments == "{}" and not entry["arguments"]:
        # No arguments at all are written in two ways.
        arguments = ""
    entry["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    for key, value in call.items():
        if key not in ("index", "id", "function", "type") and value is not None:
            entry[key] = value
