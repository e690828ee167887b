"""Compares what the gateway's decoders found in recorded traffic with an independent reading of it.

    python3 check.py FOLDER REPLAYED [--assembled REPLAYED]

REPLAYED is the output of `cargo run --example replay -- FOLDER`. With `--assembled` the second output is that of the
same streams put together to whole replies (`assemble.py`), and both must give the same response. Fails on any
difference that is not on the short list `known.tsv`: a pattern of ids, a field, and the reason.
"""

import argparse
import collections
import fnmatch
import itertools
import json
import pathlib
import sys

import identity
import own
from expect import expect
from recording import recordings

# The fields of a reply that must be equal.
FIELDS = ("text", "refusal", "reasoning", "calls", "customs", "opaque", "usage", "end", "model", "items")
SEALED = ("signature", "data")
ABSENT = "(absent)"


def known():
    """The argued exceptions: (pattern, field, reason)."""
    lines = (pathlib.Path(__file__).parent / "known.tsv").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


def replayed(path):
    """The gateway's side, by id."""
    with open(path, encoding="utf-8") as lines:
        return {row["id"]: row for row in map(json.loads, lines)}


def misses(recording, right, found):
    """Every difference: (field, expected, got)."""
    for violation in found.get("violations") or []:
        yield "law", "no violation", violation
    kind = right["kind"]
    yield from own.misses(recording, found)
    if kind == "other":
        return
    if kind == "error":
        got = (found.get("error") or {}).get("class")
        if got not in right["classes"]:
            yield "class", right["classes"], got
        return
    if found["kind"] != kind:
        yield "kind", kind, found.get("error") or found["kind"]
        return
    for field in {"models": ["models"], "count": ["tokens"], "reply": FIELDS}[kind]:
        want, got = right[field], found.get(field)
        if not same(field, recording, want, got, found):
            yield field, want, got
    if recording.api == "openai-responses":
        yield from identity.reply(recording, found)
        yield from identity.request(recording, found)


def same(field, recording, want, got, found):
    """Equality, with the freedoms that the mapping leaves."""
    if field == "end" and want == "incomplete:*":
        return got.startswith("incomplete:")
    if field == "items" and want is None:
        return True
    if field == "refusal":
        return want in got and (bool(want) or not got or found["end"] == "incomplete:content_filter")
    if field == "calls":
        return same_calls(want, got, recording)
    if field == "opaque":
        if recording.fidelity != "raw" and recording.api == "openai-responses":
            return len(want) == len(got)
        return sorted(want) == sorted(got + inside(found.get("details") or []))
    if field == "model":
        return not want or want == got
    return want == got


def same_calls(want, got, recording):
    """Ids count only where they were recorded as issued, and where the vendor issued any."""
    if len(want) != len(got):
        return False
    for left, right in zip(want, got):
        if (left["name"], left["arguments"]) != (right["name"], right["arguments"]):
            return False
        if recording.fidelity == "raw" and left["call_id"] and left["call_id"] != right["call_id"]:
            return False
    return True


def inside(details):
    """The sealed values in `reasoning_details`, which are kept as JSON text."""
    entries = [entry for text in details for entry in json.loads(text)]
    return [entry[key] for entry in entries for key in SEALED if entry.get(key)]


def plain(recording, row):
    """A response without times; ids where they were recorded as issued; arguments as values, since spaces do not count."""
    response = json.loads(json.dumps(row.get("response") or {}))
    for key in ("created_at", "completed_at"):
        response.pop(key, None)
    for item in response.get("output") or []:
        if recording.fidelity != "raw":
            item.pop("id", None)
        if item.get("type") == "function_call":
            try:
                item["arguments"] = json.loads(item["arguments"])
            except ValueError:
                pass
    return response


def main():
    """Compares, prints a table, and fails on what is not explained."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("replayed")
    arguments.add_argument("--assembled")
    arguments.add_argument("--show", type=int, default=40, help="differences to print")
    chosen = arguments.parse_args()
    found = replayed(chosen.replayed)
    assembled = replayed(chosen.assembled) if chosen.assembled else {}
    exceptions, used = known(), set()
    table, unexplained = collections.defaultdict(collections.Counter), []
    for recording in recordings(chosen.folder):
        row = table[recording.api]
        row["all"] += 1
        if recording.id not in found:
            unexplained.append((recording.id, "recording", "replayed", "missing"))
            row["unexplained"] += 1
            continue
        listed = list(misses(recording, expect(recording), found[recording.id]))
        twin = assembled.get(recording.id)
        if twin is not None:
            streamed, whole = plain(recording, found[recording.id]), plain(recording, twin)
            listed += [("whole", streamed, whole)] if streamed != whole else []
        bad = []
        for field, want, got in listed:
            reasons = [e for e in exceptions if fnmatch.fnmatch(recording.id, e[0]) and fnmatch.fnmatch(field, e[1])]
            used.update(reasons)
            if not reasons:
                bad.append((recording.id, field, want, got))
        row["unexplained" if bad else "listed" if listed else "equal"] += 1
        unexplained += bad
    report(table, unexplained, chosen.show)
    own.report(recordings(chosen.folder), found)
    stale = [entry for entry in exceptions if entry not in used]
    for pattern, field, _ in stale:
        print(f"known.tsv: {pattern} {field} is no longer needed")
    sys.exit(1 if unexplained or stale or not table else 0)


def report(table, unexplained, most):
    """The differences, then the counts."""
    for name, field, want, got in unexplained[:most]:
        print(name)
        for path, left, right in list(differences(want, got))[:3]:
            print(f"  {field}{path}\n    expected {brief(left)}\n    got      {brief(right)}")
    if len(unexplained) > most:
        print(f"… and {len(unexplained) - most} more")
    columns = ("all", "equal", "listed", "unexplained")
    print(f"{'':28}" + "".join(f"{column:>12}" for column in columns))
    for api in sorted(table):
        print(f"{api:28}" + "".join(f"{table[api][column]:>12}" for column in columns))


def differences(want, got, path=""):
    """The smallest parts that differ, with their paths."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key in want.keys() | got.keys():
            yield from differences(want.get(key, ABSENT), got.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(want, list) and isinstance(got, list):
        for at, (left, right) in enumerate(itertools.zip_longest(want, got, fillvalue=ABSENT)):
            yield from differences(left, right, f"{path}[{at}]")
    elif want != got:
        yield path, want, got


def brief(value):
    """A value in one line that can be read."""
    text = value if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:140]} … {text[-140:]}"


if __name__ == "__main__":
    main()
