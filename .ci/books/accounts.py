"""The same sums from every place that keeps them: requests, attempts, tokens and money, in all and for each provider."""

from __future__ import annotations

import collections
import csv
import re
import sqlite3
from decimal import Decimal
from pathlib import Path

KINDS = ["input", "cached", "cache_write", "output", "reasoning"]
# The words of the metrics' label for them.
TYPES = {"input": "input", "cached_input": "cached", "cache_creation_input": "cache_write", "output": "output", "reasoning": "reasoning"}
NAMES = {"openai": "openai/gpt-6-luna", "anthropic": "anthropic/claude-haiku-4-5", "google": "google/gemini-3.8-flash", "lab": "lab/*"}
# The conventions' words for the vendors.
VENDORS = {"openai": "openai", "anthropic": "anthropic", "gcp.gemini": "google", "lab": "lab"}
LAB = {"input": "3", "cached": "0.3", "write": "3.75", "output": "12"}
MILLION = 1_000_000

Sums = dict[str, dict[str, Decimal | int]]


def prices() -> dict[str, dict[str, Decimal]]:
    """The list prices that ship, by provider, read without the gateway's help."""
    found = {"lab": {key: Decimal(value) for key, value in LAB.items()}}
    table = (Path(__file__).resolve().parents[2] / "src/catalog/prices.tsv").read_text().splitlines()
    for row in csv.reader((line for line in table if line and not line.startswith("#")), delimiter="\t"):
        provider, model, when, plain, cached, write, _, output = row
        if not when and f"{provider}/{model}" == NAMES.get(provider):
            rates = {"input": plain, "cached": cached or plain, "write": write or plain, "output": output}
            found[provider] = {key: Decimal(value) for key, value in rates.items()}
    return found


def blank() -> Sums:
    return collections.defaultdict(lambda: collections.defaultdict(int))


def from_simulator(requests: int, entries: list[dict]) -> Sums:
    """What the upstreams were asked and told, and what that costs by the list."""
    rates, sums = prices(), blank()
    sums["all"] |= {"requests": requests, "attempts": len(entries)}
    for entry in entries:
        provider = "lab" if entry["path"].endswith("/chat/completions") else entry["provider"]
        sums[provider]["attempts"] += 1
        usage, rate = entry.get("usage"), rates[provider]
        if not usage:
            continue
        fresh = usage["input"] - usage["cached"] - usage["cache_write"]
        cost = fresh * rate["input"] + usage["cached"] * rate["cached"] + usage["cache_write"] * rate["write"] + usage["output"] * rate["output"]
        for part in ("all", provider):
            for kind in KINDS:
                sums[part][kind] += usage[kind]
            sums[part]["cost"] += cost / MILLION
    return sums


def from_log(lines: list[dict]) -> Sums:
    sums = blank()
    sums["all"] |= {"requests": len(lines), "attempts": 0}
    for line in lines:
        sums["all"]["attempts"] += len(line["attempts"])
        for attempt in line["attempts"]:
            sums[attempt["target"].split("/")[0]]["attempts"] += 1
        for kind in KINDS:
            sums["all"][kind] += (line["tokens"] or {}).get(kind, 0)
        sums["all"]["cost"] += line["cost_usd"] or 0
    return sums


def astray(lines: list[dict]) -> list[str]:
    """The providers of attempts that came to nobody: a connection that was kept broke as it was used again."""
    attempts = (attempt for line in lines for attempt in line["attempts"])
    return [attempt["target"].split("/")[0] for attempt in attempts if attempt.get("cause") == "upstream_unreachable"]


def from_metrics(page: str) -> Sums:
    sums = blank()
    for line in page.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if not found:
            continue
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
        name, value = found[1], Decimal(found[3])
        if name == "llmgw_requests_total":
            sums["all"]["requests"] += value
            continue
        if name == "gen_ai_client_token_usage_sum":
            kind, provider = TYPES[labels["gen_ai_token_type"]], VENDORS[labels["gen_ai_provider_name"]]
        elif name in ("llmgw_attempts_total", "llmgw_cost_usd_total"):
            kind, provider = "attempts" if "attempts" in name else "cost", labels["provider"]
        else:
            continue
        for part in ("all", provider):
            sums[part][kind] += value
    return sums


def from_report(report: dict) -> Sums:
    """What `llmgw usage -j` prints, and `GET /admin/usage`. Money in the whole is summed from the rows, which hold few
    digits: a sum is given as the nearest number."""
    sums = blank()
    sums["all"]["requests"] = report["total"]["requests"]
    for row in report["rows"]:
        for part in ("all", row["name"].split("/")[0]):
            for kind in KINDS:
                sums[part][kind] += row[kind]
            sums[part]["cost"] += row["cost_usd"]
    for kind in KINDS:
        assert sums["all"][kind] == report["total"][kind], f"the total of {kind} is not that of the rows"
    return sums


def from_file(database: sqlite3.Connection) -> Sums:
    sums = blank()
    rows = database.execute(f"SELECT provider, requests, attempts, cost_pico, {', '.join(KINDS)} FROM usage")
    for provider, requests, attempts, pico, *counts in rows:
        sums["all"]["requests"] += requests
        sums["all"]["attempts"] += attempts
        for part in ("all", provider):
            for kind, count in zip(KINDS, counts):
                sums[part][kind] += count
            sums[part]["cost"] += Decimal(pico or 0).scaleb(-12)
    return sums
