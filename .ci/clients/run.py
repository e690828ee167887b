"""Real clients, unmodified but for their base URL, against every model family through the gateway.

    python run.py BINARY SIMULATOR --python CLIENTS_PYTHON --node NODE_FOLDER [-k WORD]

Prints a table; fails on a cell that is not in `known.tsv`, where each line says why, and on one that is there for nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "sim")]

from bench import CONFIG, Simulator  # noqa: E402
from gateway import Gateway  # noqa: E402

MODELS = ["openai/gpt-6-luna", "anthropic/claude-sonnet-5-5", "google/gemini-3.8-flash"]
CASES = ["text", "stream", "steps", "parallel", "structured", "image", "error"]
PYTHON = ["openai-chat", "openai-responses", "anthropic", "agents", "agents-chat", "pydantic-ai", "pydantic-ai-responses", "langchain", "langchain-responses", "llm"]
NODE = ["node-chat", "node-responses", "ai-open-responses", "ai-openai", "ai-openai-chat"]


def known() -> dict[tuple[str, str, str], str]:
    rows = [line.split("\t") for line in (HERE / "known.tsv").read_text().splitlines() if line and not line.startswith("#")]
    return {(client, model, case): why for client, model, case, why in rows}


def command(client: str, options: argparse.Namespace) -> list[str]:
    if client in PYTHON:
        return [options.python, str(HERE / "clients.py"), client]
    return [str(Path(options.node) / "node_modules/node/bin/node"), str(Path(options.node) / "clients.mjs"), client]


def run(client: str, model: str, base: str, options: argparse.Namespace) -> dict[str, str]:
    """What is wrong with each case; nothing where all is well."""
    done = subprocess.run(command(client, options) + [model, base], capture_output=True, text=True, timeout=240, cwd=options.scratch)
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            found[row["case"]] = row["problem"]
    last = (done.stderr.strip().splitlines() or ["no word"])[-1]
    return {case: found.get(case, f"did not run: {last}") for case in CASES}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("simulator", type=Path)
    parser.add_argument("--python", required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("-k", default="", help="only the clients with this word in their name")
    options = parser.parse_args()
    shutil.copy(HERE / "clients.mjs", Path(options.node) / "clients.mjs")
    sim = Simulator(options.simulator)
    gateway = Gateway(options.binary, CONFIG.format(port=sim.port, attempts=1, allow=""))
    options.scratch = gateway.folder.name
    argued, failed, used = known(), 0, set()
    print(f"{'client':24}{'model':30}" + "".join(f"{case:12}" for case in CASES))
    notes = []
    for client in [name for name in PYTHON + NODE if options.k in name]:
        for model in MODELS:
            sim.request("POST", "/_sim/reset")
            found = run(client, model, f"http://127.0.0.1:{gateway.port}", options)
            refused = sim.get("/_sim/log?violations=1")["requests"]
            cells = []
            for case in CASES:
                key = (client, model, case)
                if not found[case]:
                    cells.append("ok")
                elif key in argued:
                    used.add(key)
                    cells.append("argued")
                else:
                    failed += 1
                    cells.append("FAIL")
                    notes.append(f"{client} {model} {case}: {found[case][:600]}")
            for entry in refused:
                failed += 1
                notes.append(f"{client} {model}: the provider finds fault: {str(entry['violations'])[:400]}")
            print(f"{client:24}{model:30}" + "".join(f"{cell:12}" for cell in cells), flush=True)
    if not options.k:
        for key in set(argued) - used:
            failed += 1
            notes.append(f"{' '.join(key)}: argued in known.tsv, but it works")
    panics = gateway.panics()
    gateway.__exit__()
    sim.stop()
    print("\n".join(notes + panics))
    return 1 if failed or panics else 0


if __name__ == "__main__":
    sys.exit(main())
