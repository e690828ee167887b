"""Runs the compliance suite for `demo` and for one model of each provider family, behind the simulator.

    python families.py BINARY SIMULATOR

The simulator calls no tool unless it is told to, so its control channel says so for prompts about the weather.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / name) for name in ("support", "sim")]

import suite  # noqa: E402
from bench import CONFIG, Simulator  # noqa: E402
from gateway import Gateway  # noqa: E402

FAMILIES = ["demo", "openai/gpt-6-luna", "anthropic/claude-sonnet-5-5", "google/gemini-3.8-flash", "lab/gpt-4.1"]


def main() -> int:
    binary, package = sys.argv[1], Path(sys.argv[2])
    schemas = suite.Schemas(os.environ["LLMGW_SPEC"])
    simulator = Simulator(package)
    failed = []
    try:
        simulator.request("POST", "/_sim/script", {"match": {}, "directives": "[[tools:1]]", "times": 1_000_000})
        with Gateway(binary, CONFIG.format(port=simulator.port, attempts=1, allow="")) as gateway:
            for family in FAMILIES:
                base = f"http://127.0.0.1:{gateway.port}/v1"
                if suite.run(base, family, "none", schemas) != len(suite.TESTS):
                    failed.append(family)
            failed += gateway.panics()
    finally:
        simulator.stop()
    if failed:
        print(f"not compliant: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
