"""Holds the cost of every recorded answer against a published price library, PyPI's genai-prices.

    python3 costs.py FOLDER REPLAYED

REPLAYED is the output of `cargo run --example replay -- FOLDER`. The library reads the counts out of what the wire
said, by rules of its own, and charges them by a list of its own, so that a token which the gateway counts twice, or at
another kind's price, is seen. Where both know the model the costs are equal, or the difference stands in `prices.tsv`
with its reason: vendor, model, tier. Fails on any other difference, and on an entry that explains none.
"""

import collections
import datetime
import fnmatch
import json
import pathlib
import sys
from decimal import Decimal

import check
from expect import READERS, unasked
from genai_prices import data
from recording import recordings

# How the library calls each protocol's way of counting.
FLAVOURS = {
    "anthropic-messages": "default",
    "google-generate": "default",
    "openai-chat": "chat",
    "openai-responses": "responses",
    "openai-responses-retrieve": "responses",
}
# The vendors whose models the catalogue has.
OURS = ("openai", "anthropic", "google")
PROVIDERS = {provider.id: provider for provider in data.providers}
# Money is whole numbers of 10^-12 dollars.
NEAR = Decimal("1e-11")


def impossible():
    """Patterns of recordings that nothing true can be said of: they were edited until they contradict themselves."""
    return [pattern for pattern, field, _ in check.known() if field == "*"]


def theirs(recording, vendor, model, day):
    """What the library charges: the cost, or why it has none."""
    provider = PROVIDERS.get(vendor)
    known = provider and provider.find_model(model)
    if not known:
        return None, "of models that the library does not know"
    facts = READERS[recording.api](recording)
    if not facts.usage:
        return None, "without counts"
    root = "usageMetadata" if vendor == "google" else "usage"
    whole = {root: {key: value for key, value in facts.counted.items() if value is not None}}
    _, usage = provider.extract_usage(whole, api_flavor=FLAVOURS[recording.api])
    noon = datetime.datetime.combine(datetime.date.fromisoformat(day), datetime.time(12), datetime.UTC)
    terms = {"speed" if facts.tier == "fast" and vendor == "anthropic" else "service_tier": facts.tier}
    price = known.calc_price(usage, provider, genai_request_timestamp=noon, price_context=terms)
    return price.total_price, facts.tier


def listed():
    """The argued differences: (vendor, model, tier) with the reason."""
    lines = (pathlib.Path(__file__).parent / "prices.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(vendor, model, tier): reason for vendor, model, tier, reason in rows}


def main():
    """Compares, prints what differs and the counts, and fails on what is not explained."""
    folder, replayed = sys.argv[1:]
    with open(replayed, encoding="utf-8") as lines:
        found = {row["id"]: row for row in map(json.loads, lines)}
    counts, differences, alone = collections.Counter(), collections.defaultdict(list), set()
    skipped = impossible()
    for recording in recordings(folder):
        if recording.status >= 400 or recording.api not in READERS or unasked(recording):
            continue
        counts["answers"] += 1
        if any(fnmatch.fnmatch(recording.id, pattern) for pattern in skipped):
            counts["that contradict themselves"] += 1
            continue
        cost = found[recording.id].get("cost")
        if not cost or not cost["known"]:
            counts["of models without a price here"] += 1
            provider = cost and cost["vendor"] in OURS and PROVIDERS[cost["vendor"]]
            alone.update([cost["model"]] if provider and provider.find_model(cost["model"]) else [])
            continue
        other, tier = theirs(recording, cost["vendor"], cost["model"], cost["day"])
        if other is None:
            counts[tier] += 1
            continue
        own = None if cost["usd"] is None else Decimal(str(cost["usd"]))
        if own is not None and abs(own - other) <= NEAR:
            counts["equal"] += 1
        else:
            differences[cost["vendor"], cost["model"], tier].append((own, other, recording.id))
    print(f"priced by the library alone: {', '.join(sorted(alone))}")
    sys.exit(report(counts, differences, listed()))


def report(counts, differences, reasons):
    """Every difference with its reason, then the counts; 1 if something is not explained."""
    wrong = 0
    for key, cases in sorted(differences.items()):
        own, other, name = cases[0]
        reason = reasons.get(key)
        wrong += reason is None
        counts["different for a reason" if reason else "different"] += len(cases)
        print(f"{' '.join(key)}: {len(cases)} times, such as {own} here and {other} there ({name}): {reason or 'why?'}")
    for key in reasons.keys() - differences.keys():
        wrong += 1
        print(f"prices.tsv: {' '.join(key)} is no longer needed")
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if wrong or not counts["equal"] else 0


if __name__ == "__main__":
    main()
