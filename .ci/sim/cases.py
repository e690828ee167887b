"""What is asked of every model through the gateway. A case gets a `Run`, asks, and says what is wrong."""

from __future__ import annotations

import base64
import json
import struct
import time
import zlib

import stream as streams
from bench import Pictures, Run

CUT = ("upstream_stream_interrupted", "upstream_unreachable", "upstream_malformed")
WEATHER = {"type": "function", "name": "get_weather", "description": "The weather of a city.", "strict": False, "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["c", "f"]}}, "required": ["city"]}}
TIME = {"type": "function", "name": "get_time", "description": "The time in a zone.", "parameters": {
    "type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"], "additionalProperties": False}}
TOOLS = [WEATHER, TIME]
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}},
          "size": {"type": "integer"}, "kind": {"type": "string", "enum": ["a", "b"]}}, "required": ["name", "tags", "size", "kind"], "additionalProperties": False}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def png() -> bytes:
    """A picture of one red pixel."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
Pictures.png = png()


def data_url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def user(*parts: dict | str) -> dict:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": p} if isinstance(p, str) else p for p in parts]}


# === answers ===


def plain(run: Run) -> None:
    answer = run.ask("Say hello.")
    run.right(answer)
    if run.lane.upstream != "google":  # which gives its requests no ids
        run.need(bool(answer.headers.get("x-llmgw-upstream-request-id")), "no x-llmgw-upstream-request-id")


def roles(run: Run) -> None:
    """Operators speak first, in the middle, and by both names."""
    asked = [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]}, user("One?"),
             {"role": "assistant", "content": "One."}, {"role": "developer", "content": "Now be long."}, user("Two?"), {"role": "assistant", "content": "Two.", "phase": "final_answer"},
             {"role": "system", "content": "And brief again."}, user("Three?")]
    run.right(run.ask(asked, instructions="You count."))


def consecutive(run: Run) -> None:
    """Two messages of the same role in a row, and text that is only space."""
    run.right(run.ask([user("One."), user("Two."), {"role": "assistant", "content": "Yes."}, {"role": "assistant", "content": "Yes!"}, user("\n", "Three?")]))


def unicode(run: Run) -> None:
    run.right(run.ask("[[unicode]] Ünïcödé 👩‍👩‍👧‍👦 \u2028 please"))


def long(run: Run) -> None:
    run.right(run.ask("[[big:200]]"))


def settings(run: Run) -> None:
    """Every setting at once: carried or listed as lost, never refused upstream, never gone in silence."""
    told = {"temperature": 0.31, "top_p": 0.91, "presence_penalty": 0.51, "frequency_penalty": 0.52}
    answer = run.ask("Hi.", **told, max_output_tokens=2017, metadata={"a": "b"}, safety_identifier="u1", prompt_cache_key="k1", service_tier="auto",
                     truncation="disabled", parallel_tool_calls=True, max_tool_calls=3, text={"verbosity": "low"}, store=False, top_logprobs=0,
                     stream_options={"include_obfuscation": False})
    run.right(answer)
    sent, lost = json.dumps((run.entry() or {}).get("body")), answer.headers.get("x-llmgw-lossy", "").split(",")
    for field, value in {**told, "max_output_tokens": 2017, "text.verbosity": '"low"'}.items():
        run.equal(str(value) in sent, field not in lost, f"{field} is sent, or else listed in {lost}")


def defaults(run: Run) -> None:
    """Values that are everybody's defaults are sent to nobody."""
    answer = run.ask("Hi.", temperature=1, top_p=1, presence_penalty=0, frequency_penalty=0, parallel_tool_calls=True, truncation="disabled", tools=[], tool_choice="auto",
                     text={"format": {"type": "text"}, "verbosity": "medium"}, reasoning=None, instructions=None, metadata=None)
    run.right(answer)
    run.equal(answer.headers.get("x-llmgw-lossy"), None, "x-llmgw-lossy")


def limit(run: Run) -> None:
    """The limit is small enough to bite and large enough for those who think first."""
    response = run.right(run.ask("[[words:400]]", max_output_tokens=120), "incomplete")
    run.equal(((response or {}).get("incomplete_details") or {}).get("reason"), "max_output_tokens", "reason")


def filtered(run: Run) -> None:
    for prompt in ("[[safety]]", "[[safety:prompt]]"):
        answer = run.ask(prompt)
        response = answer.response or {}
        run.equal((response.get("status"), (response.get("incomplete_details") or {}).get("reason")), ("incomplete", "content_filter"), prompt)


def refused(run: Run) -> None:
    response = run.ask("[[refuse]]").response or {"output": [], "status": "none"}
    if run.lane.upstream == "anthropic":
        run.equal((response["status"], (response.get("incomplete_details") or {}).get("reason")), ("incomplete", "content_filter"), "status")
    elif run.lane.upstream == "google":
        run.equal((response["status"], streams.text(response)), ("completed", "I can't help with that."), "text")
    else:
        run.equal((response["status"], streams.refusal(response)), ("completed", "I can't help with that."), "refusal")


def empty(run: Run) -> None:
    run.right(run.ask("[[empty]]"))


def cached(run: Run) -> None:
    run.right(run.ask("[[cache]] " + "a long prefix " * 50))
    run.right(run.ask("[[cache]] [[cache-write]] " + "a long prefix " * 50))


# === tools ===


def tools(run: Run) -> None:
    run.right(run.ask('[[tool:get_weather {"city": "Zürich \\"x\\"", "unit": "c"}]]', tools=TOOLS))
    run.right(run.ask('[[commentary]] [[tool:get_time {"zone": "UTC"}]]', tools=TOOLS, tool_choice="auto"))
    run.right(run.ask("[[tools:2]]", tools=TOOLS, tool_choice="none"))


def parallel(run: Run) -> None:
    response = run.right(run.ask("[[tools:3]]", tools=TOOLS))
    ids = [call["call_id"] for call in streams.calls(response)] if response else []
    run.equal(len(set(ids)), 3, "different call ids")
    answer = run.ask("[[tools:3]]", tools=TOOLS, parallel_tool_calls=False)
    if run.lane.upstream == "google":  # knows no such setting, so the gateway keeps the first call and drops the rest
        run.equal([call["name"] for call in streams.calls(answer.response or {"output": []})], ["get_weather"], "one call")
    else:
        run.right(answer)


def bare_tool(run: Run) -> None:
    """A function without parameters, and one whose schema has no type, which OpenAI itself refuses."""
    bare = [{"type": "function", "name": "ping"}]
    if run.lane.upstream != "openai":
        bare.append({"type": "function", "name": "pong", "parameters": {"properties": {"a": {"type": "string"}}}})
    run.right(run.ask("[[tool:ping {}]]", tools=bare))


def forced(run: Run) -> None:
    for choice, name in (("required", "get_weather"), ({"type": "function", "name": "get_time"}, "get_time")):
        answer = run.ask("Do it.", tools=TOOLS, tool_choice=choice)
        if run.lane.can_be_forced:
            response = run.right(answer)
            run.equal([call["name"] for call in streams.calls(response)] if response else None, [name], "forced call")
        else:
            run.equal((answer.status, answer.error.get("param")), (400, "tool_choice"), "a forced call that this model cannot make")


def forced_and_thinking(run: Run) -> None:
    answer = run.ask("[[think]] Do it.", tools=TOOLS, tool_choice="required", reasoning={"effort": "high", "summary": "auto"}) if not run.lane.is_chat else None
    if answer is not None and run.lane.can_be_forced:
        run.right(answer)


def allowed(run: Run) -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_time"}]}
    run.right(run.ask('[[tool:get_time {"zone": "UTC"}]]', tools=TOOLS, tool_choice=choice))


def conversation(run: Run, asked: list, turns: int, **fields: object) -> list:
    """Answers every call, `turns` times, and sends back all that came."""
    for turn in range(turns):
        response = run.right(run.ask(asked, **fields))
        called = streams.calls(response) if response else []
        if not run.need(bool(called), f"no call in turn {turn}"):
            return asked
        asked = asked + response["output"]
        asked += [{"type": "function_call_output", "call_id": call["call_id"], "output": f"result {turn}.{at} ✓"} for at, call in enumerate(called)]
    response = run.right(run.ask(asked, **fields))
    if response:
        run.need(f"result {turns - 1}.0" in streams.text(response), "the result did not come back")
        asked = asked + response["output"]
    return asked


def rounds(run: Run) -> None:
    conversation(run, [user("[[steps:3]] go")], 3, tools=TOOLS)
    conversation(run, [user("[[tools:2]] go")], 1, tools=TOOLS)


def rich_output(run: Run) -> None:
    """A tool returns parts, a picture among them."""
    response = run.right(run.ask([user("[[tool:get_time {\"zone\": \"UTC\"}]]")], tools=TOOLS))
    if response:
        output = [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": data_url("image/png", png())}]
        asked = [user("[[tool:get_time {\"zone\": \"UTC\"}]]"), *response["output"], {"type": "function_call_output", "call_id": streams.calls(response)[0]["call_id"], "output": output}]
        answer = run.ask(asked, tools=TOOLS)
        run.need(answer.status in (200, 400), f"HTTP {answer.status}: {answer.error}")


def thinking_rounds(run: Run) -> None:
    """Reasoning comes back with its opaque state, through three rounds of calls and another question."""
    if run.lane.is_chat:
        return
    fields = {"tools": TOOLS, "reasoning": {"effort": "high", "summary": "auto"}, "include": ["reasoning.encrypted_content"], "store": False}
    asked = conversation(run, [user("[[think]] [[steps:3]] go")], 3, **fields)
    response = run.right(run.ask(asked + [user("[[think]] thanks")], **fields))
    if response and run.lane.reasons and run.lane.model != "gemini-2.5-flash":  # which signs calls alone
        run.need(any(item.get("encrypted_content") for item in streams.reasoning(response)), "no encrypted_content")


# === reasoning and form ===


def thinking(run: Run) -> None:
    if run.lane.is_chat:
        return
    for prompt in ("[[think]] Why?", "[[redacted]] Why?"):
        response = run.right(run.ask(prompt, reasoning={"effort": "medium", "summary": "auto"}))
        if response and run.lane.reasons:
            run.need(bool(streams.reasoning(response)), "no reasoning item")
            run.need(response["usage"]["output_tokens_details"]["reasoning_tokens"] > 0, "no reasoning tokens")


def efforts(run: Run) -> None:
    if run.lane.is_chat:
        return
    for effort in EFFORTS:
        run.right(run.ask(f"[[think]] at {effort}", reasoning={"effort": effort, "summary": "auto"}))
        run.right(run.ask(f"[[think]] at {effort}", reasoning={"effort": effort}, tools=TOOLS, max_output_tokens=5000))


def structured(run: Run) -> None:
    form = {"type": "json_schema", "name": "thing", "schema": SCHEMA, "strict": True}
    response = run.right(run.ask("Make one.", text={"format": form}))
    if response:
        try:
            made = json.loads(streams.text(response))
        except ValueError:
            made = {}
        run.equal(sorted(made), sorted(SCHEMA["required"]), "keys")


def structured_loosely(run: Run) -> None:
    """A schema with what strict modes refuse: limits, a default, an optional property."""
    schema = {"type": "object", "title": "T", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}, "s": {"type": ["string", "null"], "maxLength": 5, "default": "x"}}, "required": ["n"]}
    answer = run.ask("Make one.", text={"format": {"type": "json_schema", "name": "thing", "schema": schema, "strict": False}})
    if answer.status == 400:
        run.equal((answer.error.get("param") or "").split(".")[0], "text", "a refused schema names its field")
    else:
        run.right(answer)


def json_object(run: Run) -> None:
    response = run.right(run.ask("[[json]] Answer in JSON.", text={"format": {"type": "json_object"}}))
    if response:
        run.need(streams.text(response).startswith("{"), "no JSON object")


# === media ===


def image(run: Run) -> None:
    for detail in ({}, {"detail": "high"}, {"detail": "auto"}):
        run.right(run.ask([user("What is it?", {"type": "input_image", "image_url": data_url("image/png", png()), **detail})]))


def image_by_url(run: Run) -> None:
    """A provider that takes URLs gets it; the gateway fetches for the others, but from this machine only if told."""
    if run.lane.upstream != "google":
        answer = run.ask([user("What is it?", {"type": "input_image", "image_url": "https://example.com/a.png"})])
        run.right(answer)
        return
    path = f"/{run.lane.model}-{run.streamed}.png"
    asked = [user("What is it?", {"type": "input_image", "image_url": run.bench.pictures_at + path})]
    answer = run.ask(asked)
    run.equal((answer.status, (answer.error.get("param") or "")[:5]), (400, "input"), "a private address")
    run.need(path not in Pictures.fetched, "a private address was fetched from")
    run.right(run.ask(asked, gateway=run.bench.again))
    run.need(path in Pictures.fetched, "the picture was not fetched")


def document(run: Run) -> None:
    for data in (data_url("application/pdf", PDF), base64.b64encode(PDF).decode()):
        answer = run.ask([user("Read it.", {"type": "input_file", "filename": "a.pdf", "file_data": data})])
        if not (run.lane.is_chat and answer.status == 400):
            run.right(answer)


# === transport ===


def odd_transport(run: Run) -> None:
    for directive in ("[[odd-sse]]", "[[odd-sse:retry]]", "[[one-packet]]", "[[slow-bytes]]", "[[gzip]]", "[[delay:300]]", "[[gap:5]]"):
        before = len(run.problems)
        run.right(run.ask(f"{directive} [[words:30]]"))
        run.problems[before:] = [f"{directive} {problem}" for problem in run.problems[before:]]


ERRORS = [  # directive, our statuses, our codes
    ("error:400", (400,), ("upstream_invalid_request",)),
    ("error:401", (502,), ("upstream_auth_failed",)),
    ("error:403", (502, 403), ("upstream_auth_failed", "model_not_available")),
    ("error:404", (404,), ("model_not_found", "not_found")),
    ("error:408", (503, 504), ("overloaded", "upstream_timeout", "upstream_error")),
    ("error:413", (413,), ("request_too_large",)),
    ("error:429:retry-after=7", (429,), ("rate_limit_exceeded",)),
    ("error:500", (502,), ("upstream_error",)),
    ("error:502", (502, 503), ("upstream_error", "overloaded")),
    ("error:503", (503,), ("overloaded",)),
    ("error:504", (502, 503, 504), ("upstream_error", "overloaded", "upstream_timeout")),
    ("error:529", (503,), ("overloaded",)),
    ("html-error:502", (502, 503), ("upstream_error", "overloaded")),
    ("html-error:413", (413,), ("request_too_large",)),
    ("drop", (502,), ("upstream_unreachable",)),
    ("hang:15000", (504,), ("upstream_timeout",)),
]


def errors(run: Run) -> None:
    for directive, statuses, codes in ERRORS:
        if directive.startswith("hang") and not run.streamed:
            continue  # a whole answer has until `total`
        before = len(run.problems)
        # A target that asks for time is left alone for so long, so another name of the model takes that.
        aside = {"model": f"{run.lane.name}+{'one-packet' if run.streamed else 'gzip'}"} if "retry-after" in directive else {}
        answer = run.ask(f"[[{directive}]]", **aside)
        run.need(answer.status != 200, "answered with 200")
        run.failed(answer, *codes, statuses=statuses)
        if "retry-after" in directive:
            run.equal(answer.headers.get("retry-after"), "7", "retry-after")
        run.need("<" not in json.dumps(answer.error), "HTML in the error")
        run.problems[before:] = [f"{directive}: {problem}" for problem in run.problems[before:]]
    if run.lane.upstream == "openai":
        run.failed(run.ask("[[error:429:quota]]"), "insufficient_quota", statuses=(429,))


def broken(run: Run) -> None:
    """Whatever breaks, at whatever place: never a success."""
    whole = ["[[bad-json]]", "[[bad-sse]]", "[[drop-after:1]]", "[[stall-after:1]]"]
    streamed = [f"[[{fault}:{at}]]" for fault in ("drop-after", "early-eof", "bad-json", "bad-sse", "midstream-error") for at in (1, 9)] + ["[[stall-after:1]]", "[[stall-after:9]]"]
    for directive in streamed if run.streamed else whole:
        if "stall" in directive and not run.streamed:
            continue  # waits for `total`; one such case is in the program of faults
        before = len(run.problems)
        codes = (*CUT, "upstream_error", "upstream_timeout", "overloaded", "model_error", "server_error", "internal_server_error")
        run.failed(run.ask(f"{directive} [[words:60]]"), *codes, statuses=(502, 503, 504))
        run.problems[before:] = [f"{directive}: {problem}" for problem in run.problems[before:]]


def malformed_call(run: Run) -> None:
    if run.lane.upstream == "google":
        run.failed(run.ask("[[malformed-call]]", tools=TOOLS), "model_error", "malformed_function_call", statuses=(500,))


def tries_again(run: Run) -> None:
    key = f"{run.lane.name}-{run.streamed}-{time.time()}".replace(":", "-")
    for status in (503, 429, 500):
        answer = run.ask(f"[[fail-first:1:key={key}-{status}:status={status}]] hi", gateway=run.bench.again)
        run.right(answer)
        run.equal(answer.headers.get("x-llmgw-attempts"), "2", f"attempts after a {status}")


def hangs_up(run: Run) -> None:
    """A client that goes away takes the upstream request with it."""
    since = run.bench.sim.get("/_sim/log?limit=1")["last_id"]
    body = {"model": run.lane.name, "input": "[[words:3000]] [[gap:30]]" if run.streamed else "[[hang:6000]]", "stream": run.streamed}
    if run.streamed:
        run.bench.once.hang_up(body, 2000)
    else:
        try:
            run.bench.once.post(body, timeout=0.5)
        except TimeoutError:
            pass
    for _ in range(40):
        gone = [e for e in run.bench.sim.get("/_sim/connections")["aborted"] if e["model"] == run.lane.model and e["id"] > since]
        if gone:
            return
        time.sleep(0.05)
    run.need(False, "the upstream request went on for two seconds")


CASES = [plain, roles, consecutive, unicode, long, settings, defaults, limit, filtered, refused, empty, cached, tools, parallel, bare_tool, forced, forced_and_thinking,
         allowed, rounds, rich_output, thinking_rounds, thinking, efforts, structured, structured_loosely, json_object, image, image_by_url, document, odd_transport, errors,
         broken, malformed_call, tries_again, hangs_up]
