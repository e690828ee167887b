"""What a right decoder finds in each recording: one JSON line a recording.

    python3 expect.py FOLDER

An independent reading of the recorded traffic. It puts each stream together to the document that it stands for and
reads that, as a vendor's own library would; the gateway reads events as they come. Where both agree, two different
ways have led to the same facts.
"""

import json
import sys
from dataclasses import asdict

import anthropic
import chat
import google
import refusals
import responses
from recording import recordings

READERS = {
    "anthropic-messages": anthropic.read,
    "google-generate": google.read,
    "openai-chat": chat.read,
    "openai-responses": responses.read,
    "openai-responses-retrieve": responses.read,
}


def expect(recording):
    """The facts of one recording, with what it is."""
    row = {"id": recording.id, "api": recording.api, "fidelity": recording.fidelity}
    if recording.status >= 400:
        return row | {"kind": "error", "status": recording.status, "classes": refusals.classes(recording)}
    if (reason := unasked(recording)) is not None:
        return row | {"kind": "other", "why": reason}
    if recording.api == "models-list":
        return row | {"kind": "models", "models": models(recording.body)}
    if recording.api.endswith("-count"):
        return row | {"kind": "count", "tokens": tokens(recording.body)}
    facts = asdict(READERS[recording.api](recording))
    return row | {"kind": "reply", "streamed": recording.is_streamed} | facts


def unasked(recording):
    """Why nobody here would ever have asked for this reply."""
    if recording.api == "google-generate" and google.in_numbers(recording):
        return "the gateway never asks Google for numbers in place of words"
    if recording.api == "models-list" and recording.body.get("object") == "model":
        return "one model, not a list"
    if recording.api == "openai-compact":
        return "compaction is the gateway's own business"
    if recording.api == "openai-responses-retrieve" and recording.is_streamed:
        return "the gateway resumes its own streams, never an upstream's"
    return None


def models(body):
    """The ids of a list of models; Google's bear a folder's name, and those that cannot answer are left out."""
    listed = body.get("data") or body.get("models") or []
    answers = lambda entry: "generateContent" in entry.get("supportedGenerationMethods", ["generateContent"])
    listed = [entry for entry in listed if answers(entry)]
    return [(entry.get("id") or entry.get("name")).removeprefix("models/") for entry in listed]


def tokens(body):
    """The count, by each vendor's name for it."""
    return body.get("input_tokens", body.get("totalTokens"))


def main():
    """Prints the facts of a folder."""
    for recording in recordings(sys.argv[1]):
        print(json.dumps(expect(recording), ensure_ascii=False))


if __name__ == "__main__":
    main()
