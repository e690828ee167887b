"""Puts recorded streams together to the whole replies that they stand for.

    python3 assemble.py FOLDER OUT

The law is that the whole and the streamed form of one answer fold to the same response. Nobody records both, so the
whole form is made here, as a vendor's own library accumulates it.
"""

import json
import pathlib
import sys

import anthropic
import google
import responses
from recording import frames, recordings


def whole(recording):
    """The body, or `None` where a whole reply cannot say what the stream said (a cut, an error)."""
    if recording.api == "anthropic-messages":
        message = anthropic.assemble(frames(recording.sse))
        if message.get("stop_reason") is None:
            return None
        for block in message["content"]:
            text = block.pop("json", None)
            if text is not None:
                try:
                    block["input"] = json.loads(text or "{}")
                except ValueError:
                    return None
        return message
    if recording.api == "openai-responses":
        response, cut = responses.final(recording)
        return None if cut or response["status"] == "failed" else response
    if recording.api == "google-generate":
        return google.assemble(frames(recording.sse))
    return None


def main():
    """Writes one recording for each stream that has a whole form."""
    out, made = pathlib.Path(sys.argv[2]), 0
    for recording in recordings(sys.argv[1]):
        body = whole(recording) if recording.sse is not None and recording.status < 400 else None
        if body is None:
            continue
        path = out / f"{recording.id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        original = json.loads((pathlib.Path(sys.argv[1]) / f"{recording.id}.json").read_text(encoding="utf-8"))
        original["stream"] = False
        original["response"] |= {"sse": None, "body": body}
        path.write_text(json.dumps(original, ensure_ascii=False), encoding="utf-8")
        made += 1
    print(f"{made} streams put together")


if __name__ == "__main__":
    main()
