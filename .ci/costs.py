#!/usr/bin/env python3
"""Holds the cost of every recorded answer against a published price list, PyPI's genai-prices:

    costs.py REPLAYED KNOWN

REPLAYED is what the replay printed, one JSON line a recording; KNOWN lists the differences that are right, each with its
reason. Both lists know a model: then the costs are equal, or the difference stands in KNOWN. An entry of KNOWN that
explains nothing is a fault too."""

import collections
import datetime
import json
import sys
import warnings

from genai_prices import Usage, calc_price

DAY = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
VENDORS = {"xai": "x-ai", "moonshot": "moonshotai", "chatgpt": "openai"}


def theirs(row: dict) -> float | None:
    usage, cost = row["usage"], row["cost"]
    vendor = VENDORS.get(cost["vendor"], cost["vendor"])
    details = cost.get("details") or {}
    counts = {
        "input_tokens": usage["input"],
        "cache_read_tokens": usage["cached"],
        "cache_write_tokens": usage["written"],
        "output_tokens": usage["output"],
        "input_audio_tokens": details.get("audio_tokens") or 0,
    }
    try:
        return float(calc_price(Usage(**counts), cost["model"].removeprefix("models/"), provider_id=vendor, genai_request_timestamp=DAY).total_price)
    except LookupError:
        return None


def main() -> int:
    warnings.simplefilter("ignore")
    rows = [json.loads(line) for line in open(sys.argv[1])]
    known = {}
    for line in open(sys.argv[2]):
        if line.strip() and not line.startswith("#"):
            vendor, model, tier, reason = line.rstrip("\n").split("\t")
            known[vendor, model, tier] = reason
    counts: collections.Counter = collections.Counter()
    found: dict[tuple, list] = collections.defaultdict(list)
    for row in rows:
        if row.get("kind") != "reply" or not row.get("usage") or not row["cost"]["known"]:
            counts["of models that we do not know, or without counts"] += row.get("kind") == "reply"
            continue
        other, own = theirs(row), row["cost"]["usd"]
        if other is None:
            counts["of models that they do not know"] += 1
        elif own is not None and abs(own - other) <= 1e-9 + 1e-6 * abs(other):
            counts["equal"] += 1
        else:
            cost = row["cost"]
            found[cost["vendor"], cost["model"].removeprefix("models/"), cost["tier"] or ""].append((own, other, row.get("id")))
    wrong = 0
    for key, cases in sorted(found.items()):
        counts["different, for a reason"] += len(cases) * (key in known)
        if key not in known:
            wrong += 1
            own, other, name = cases[0]
            print(f"different: {' '.join(key)}: {len(cases)} times, such as {own} here and {other} there ({name})")
    for key in known.keys() - found.keys():
        wrong += 1
        print(f"explained, but not different: {' '.join(key)}")
    print("; ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if wrong or not counts["equal"] else 0


if __name__ == "__main__":
    sys.exit(main())
