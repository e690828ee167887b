"""The provider simulator with books of its own: sim.py FOLDER PORT.

Beside each request in its log (`/_sim/log`) stands what it told the caller of tokens, read from the very frames that it
wrote, on the basis that all providers are brought to: cached and written tokens inside the input, thoughts inside the
output. A request that was told nothing has none."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path

folder, port = Path(sys.argv[1]).resolve(), int(sys.argv[2])
sys.path.insert(0, str(folder.parent))
server = importlib.import_module(f"{folder.name}.server")
plan = importlib.import_module(f"{folder.name}.plan")

# Whoever is given the beginning of an answer goes on from there, as models do: what fits is never left in the middle, and
# what of an answer was read when it is left in the middle is for neither side to say.
whole_text = plan._text
plan._text = lambda facts, directives, headers: whole_text(facts, directives, headers).removeprefix(facts.prefill)


def counted(message: dict) -> dict | None:
    """The counts in one message of any of the providers."""
    for inner in (message, message.get("response") or {}, message.get("message") or {}):
        usage = inner.get("usage") or inner.get("usageMetadata")
        if usage:
            break
    else:
        return None
    get = lambda *path: __import__("functools").reduce(lambda it, key: (it or {}).get(key), path, usage) or 0  # noqa: E731
    if "promptTokenCount" in usage:
        return {"input": get("promptTokenCount"), "cached": get("cachedContentTokenCount"), "cache_write": 0, "output": get("candidatesTokenCount") + get("thoughtsTokenCount"), "reasoning": get("thoughtsTokenCount")}
    if "prompt_tokens" in usage:
        details, more = "prompt_tokens_details", "completion_tokens_details"
        return {"input": get("prompt_tokens"), "cached": get(details, "cached_tokens"), "cache_write": get(details, "cache_write_tokens"), "output": get("completion_tokens"), "reasoning": get(more, "reasoning_tokens")}
    if "input_tokens_details" in usage:
        details = "input_tokens_details"
        return {"input": get("input_tokens"), "cached": get(details, "cached_tokens"), "cache_write": get(details, "cache_write_tokens"), "output": get("output_tokens"), "reasoning": get("output_tokens_details", "reasoning_tokens")}
    read, written = get("cache_read_input_tokens"), get("cache_creation_input_tokens")
    return {"input": get("input_tokens") + read + written, "cached": read, "cache_write": written, "output": get("output_tokens"), "reasoning": get("output_tokens_details", "thinking_tokens")}


def told(frames: list[bytes]) -> dict | None:
    """The last counts in these frames: each states the whole so far."""
    last = None
    for frame in frames:
        for line in frame.decode("utf-8", "surrogatepass").splitlines():
            if line.startswith("data: {"):
                last = counted(json.loads(line[6:])) or last
    return last


class Books(server.Sim):
    async def _whole(self, request, api, reply, found):
        answer = await super()._whole(request, api, reply, found)
        request["entry"].usage = counted(reply.body)
        return answer

    async def _stream(self, request, api, reply, found):
        make, complaints = reply.error_frames, []

        def complain(*about):
            complaints.extend(make(*about))
            return complaints

        reply.error_frames = make and complain
        try:
            return await super()._stream(request, api, reply, found)
        finally:
            entry = request["entry"]
            entry.usage = told([*list(reply.frames or [])[: entry.frames - len(complaints)], *complaints])


if __name__ == "__main__":
    asyncio.run(server.serve(Books(), "127.0.0.1", port, lambda: print("ready", flush=True)))
