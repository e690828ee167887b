"""Drives the gateway against the strict provider simulator, and fails on the first thing that is not right.

    python drive.py BINARY [SIMULATOR] [-k WORD] [-l LANE]

SIMULATOR is the folder of the simulator's package (or $LLMGW_SIM), $LLMGW_SPEC the specification's OpenAPI document.
Runs in the simulator's virtual environment, which `.ci/sim.sh` makes.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import stream as streams  # noqa: E402
from bench import Bench, Lane, Run, shown  # noqa: E402
from cases import CASES, TOOLS, conversation, user  # noqa: E402
from histories import HISTORIES  # noqa: E402

LANES = [
    Lane("openai", "gpt-6-luna", "openai"),
    Lane("openai", "gpt-6-sol", "openai"),
    Lane("openai", "gpt-5.5", "openai"),
    Lane("openai", "gpt-4o", "openai", reasons=False),
    Lane("anthropic", "claude-sonnet-5-5", "anthropic", can_be_forced=False),
    Lane("anthropic", "claude-opus-5-5", "anthropic", can_be_forced=False),
    Lane("anthropic", "claude-haiku-5-5", "anthropic"),
    Lane("anthropic", "claude-sonnet-4-6", "anthropic"),
    Lane("anthropic", "claude-opus-4-5", "anthropic"),
    Lane("google", "gemini-3.8-flash", "google"),
    Lane("google", "gemini-4-argon", "google"),
    Lane("google", "gemini-2.5-flash", "google"),
    Lane("lab", "gpt-4.1", "openai", reasons=False),
    Lane("lab", "gpt-4o-mini", "openai", reasons=False),
]


def drive(bench: Bench, lane: Lane, word: str) -> list[tuple[str, str, bool, list[str]]]:
    """All cases of one lane, whole and streamed."""
    results = []
    for case in CASES + HISTORIES:
        if word not in case.__name__:
            continue
        for streamed in (False, True):
            run = Run(bench, lane, streamed)
            try:
                case(run)
            except Exception:  # a case that cannot go on has failed, whatever the reason
                run.problems.append(traceback.format_exc(limit=-2).strip().replace("\n", " | "))
            results.append((lane.name, case.__name__, streamed, run.problems))
    return results


def wander(bench: Bench) -> list[str]:
    """One conversation moves from vendor to vendor with all its items; nobody is sent another's opaque state."""
    problems: list[str] = []
    road = [LANES[1], LANES[4], LANES[9], LANES[0], LANES[11], LANES[7], LANES[12]]
    for streamed in (False, True):
        asked: list = []
        for lane in road:
            run = Run(bench, lane, streamed)
            fields = {"tools": TOOLS, "store": False, "include": ["reasoning.encrypted_content"]}
            if not lane.is_chat:
                fields["reasoning"] = {"effort": "medium", "summary": "auto"}
            asked = conversation(run, asked + [user(f"[[think]] [[steps:2]] now {lane.model}")], 2, **fields)
            problems += [f"at {lane.name}: {problem}" for problem in run.problems]
    return problems


def ladder(bench: Bench) -> list[str]:
    """An alias fails over to the next target, unseen, and says who answered."""
    problems: list[str] = []
    for streamed in (False, True):
        run = Run(bench, LANES[0], streamed)
        bench.sim.request("POST", "/_sim/script", {"match": {"provider": "openai", "model": "gpt-6-luna"}, "directives": "[[error:503]]", "times": 1})
        answer = run.ask("hello", model="ladder")
        run.equal((answer.status, answer.headers.get("x-llmgw-model"), answer.headers.get("x-llmgw-route"), answer.headers.get("x-llmgw-attempts")),
                  (200, "anthropic/claude-sonnet-5-5", "ladder", "2"), "failover")
        run.need("Hello from anthropic" in streams.text(answer.response or {"output": []}), "the wrong text")
        problems += run.problems
    bench.sim.request("POST", "/_sim/script", {"clear": True})
    return problems


DEMO = [  # fields, HTTP status whole and streamed, status of the response, types of its items
    ({}, (200, 200), "completed", ["message"]),
    ({"tools": TOOLS}, (200, 200), "completed", ["function_call"]),
    ({"tools": TOOLS, "input": "in parallel"}, (200, 200), "completed", ["function_call", "function_call"]),
    ({"tools": TOOLS, "tool_choice": "none"}, (200, 200), "completed", ["message"]),
    ({"reasoning": {"effort": "high", "summary": "auto"}}, (200, 200), "completed", ["reasoning", "message"]),
    ({"max_output_tokens": 16}, (200, 200), "incomplete", ["message"]),
    ({"demo": {"stop": "refusal"}}, (200, 200), "completed", ["message"]),
    ({"demo": {"stop": "content_filter"}}, (200, 200), "incomplete", ["message"]),
    ({"model": "demo/throttled", "fail": 429}, (429, 429), None, None),
    ({"fail": 503}, (503, 503), None, None),
    ({"fail": "reset"}, (502, 502), None, None),
    ({"fail": "html"}, (502, 502), None, None),
    ({"cut_after": 1}, (502, 502), None, None),
    ({"cut_after": 9}, (502, 200), "failed", ["message"]),
    ({"garbage_after": 9}, (502, 200), "failed", ["message"]),
    ({"demo": {"end_after": 9}}, (502, 200), "failed", ["message"]),
    ({"demo": {"error_after": 9}}, (502, 200), "failed", ["message"]),
    ({"demo": {"fial": 1}}, (400, 400), None, None),
]


def demo(bench: Bench) -> list[str]:
    """The built-in provider answers without a simulator, and misbehaves as it is told."""
    problems: list[str] = []
    for streamed in (False, True):
        for fields, statuses, status, items in DEMO:
            run = Run(bench, Lane("demo", "demo", "demo"), streamed)
            answer = run.ask(**{"asked": fields.get("input", "Say hello."), **{key: value for key, value in fields.items() if key != "input"}})
            run.equal(answer.status, statuses[streamed], "HTTP status")
            response = answer.response or {}
            run.equal((response.get("status"), [item["type"] for item in response["output"]] if response else None), (status, items) if answer.status == 200 else (None, None), "answer")
            problems += [f"{shown(fields)} {problem}" for problem in run.problems]
    return problems


def table(results: list[tuple[str, str, bool, list[str]]]) -> None:
    lanes = collections.Counter(lane for lane, *_ in results)
    good = collections.Counter(lane for lane, *_, problems in results if not problems)
    print(f"{'model':<32} {'passed':>8} {'of':>5}")
    for lane, count in lanes.items():
        print(f"{lane:<32} {good[lane]:>8} {count:>5}")
    for lane, case, streamed, problems in results:
        for problem in problems[:6]:
            print(f"FAIL {lane} {case} {'streamed' if streamed else 'whole'}: {shown(problem)}")


def judge(bench: Bench) -> list[str]:
    """What the simulator and the gateways say of the whole run."""
    problems = []
    for entry in bench.sim.get("/_sim/log?violations=1&limit=5000")["requests"]:
        problems.append(f"violation at {entry['provider']}/{entry['model']}: {shown(entry['violations'])}")
    counted = collections.Counter(problems)
    problems = [f"{problem} ({count} times)" if count > 1 else problem for problem, count in counted.items()]
    for gateway in (bench.once, bench.again):
        problems += [f"panic: {line}" for line in gateway.panics()]
        if gateway.process.poll() is not None:
            problems.append(f"the gateway ended with {gateway.process.returncode}")
    deadline = time.time() + 5
    while (still := bench.sim.get("/_sim/connections")["open"]) and time.time() < deadline:
        time.sleep(0.1)
    return problems + [f"still open upstream: {entry['provider']}/{entry['model']} {entry['directives']}" for entry in still]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("simulator", nargs="?", default=os.environ.get("LLMGW_SIM"))
    parser.add_argument("-k", default="", help="only cases whose name holds this")
    parser.add_argument("-l", default="", help="only models whose name holds this")
    options = parser.parse_args()
    openapi = os.environ.get("LLMGW_SPEC", "")
    if not options.simulator or not (Path(options.simulator) / "__main__.py").is_file():
        sys.exit("the simulator is missing: name its folder, or set LLMGW_SIM")
    if not Path(openapi).is_file():
        sys.exit("the specification's OpenAPI document is missing: set LLMGW_SPEC")
    started = time.time()
    bench = Bench(options.binary, Path(options.simulator).resolve(), openapi)
    try:
        lanes = [lane for lane in LANES if options.l in lane.name]
        with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
            results = [result for found in pool.map(lambda lane: drive(bench, lane, options.k), lanes) for result in found]
        for name, test in (("wander", wander), ("ladder", ladder), ("demo", demo)):
            if options.k in name and not options.l:
                results.append(("(all)", name, True, test(bench)))
        table(results)
        verdict = judge(bench)
        for problem in verdict:
            print(f"FAIL {problem}")
        failed = sum(1 for *_, problems in results if problems) + len(verdict)
        print(f"{len(results)} cases, {failed} failures, {time.time() - started:.0f} s")
        return 1 if failed or not results else 0
    finally:
        bench.stop()


if __name__ == "__main__":
    sys.exit(main())
