"""Codex and Claude Code, unmodified but for their base URL, each with a turn that runs a shell command, on every family.

    python run.py BINARY SIMULATOR --node NODE_FOLDER [-k WORD]

Runs in a network namespace with only loopback (`.ci/agents.sh`). A turn is right if the command ran, once, in the agent's
folder, the answer that follows its output arrived, the gateway refused nothing, and the strict simulator found no fault.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("support", "sim")]

from bench import CONFIG, Simulator  # noqa: E402
from gateway import Gateway  # noqa: E402
import shapes  # noqa: E402

# Names that Codex does not know get its plain tools; under names of OpenAI's models it offers its tools in an item, in
# namespaces, as free-form tools, whoever answers to the name here.
ALIASES = """
  plain-openai: {{ targets: [openai/gpt-6-luna] }}
  plain-anthropic: {{ targets: [anthropic/claude-sonnet-5-5] }}
  plain-google: {{ targets: [google/gemini-3.8-flash] }}
  gpt-6-sol: {{ targets: [anthropic/claude-sonnet-5-5] }}
  gpt-6.1-sol: {{ targets: [google/gemini-3.8-flash] }}
"""
CODEX = """
model = "{model}"
model_provider = "llmgw"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.llmgw]
name = "llmgw"
base_url = "http://127.0.0.1:{port}/v1"
env_key = "LLMGW_KEY"
wire_api = "responses"
supports_websockets = {sockets}
"""
COMMAND = "echo heron >> out.txt; echo done"
# OpenAI takes the one, Anthropic's beta the other; the SDKs' types, which the simulator follows, have neither. The gateway
# learns that once.
LEARNT = [["Unknown parameter: 'client_metadata'."], ["context_management: Extra inputs are not permitted"]]


@dataclass
class Case:
    """One turn of one agent."""

    agent: str
    model: str
    tool: str
    arguments: dict
    sockets: bool = False
    ran: bool = True
    number: int = 0
    options: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.agent}{' (WebSocket)' if self.sockets else ''} {self.model} {self.tool}"

    def prompt(self) -> str:
        called = f"[[tool:{self.tool} {json.dumps(self.arguments)}]]" if self.tool else ""
        return f"{called} This is case-{self.number}-."


def cases() -> list[Case]:
    families = ["plain-openai", "plain-anthropic", "plain-google"]
    shell = {"cmd": COMMAND}
    script = {"input": f"const r = await tools.exec_command({{cmd: `{COMMAND}`}}); text(r)"}
    found = [Case("codex", model, "exec_command", shell, sockets=sockets) for sockets in (False, True) for model in families]
    found += [Case("codex", model, "exec", script) for model in ("gpt-6-sol", "gpt-6.1-sol")]
    found += [Case("codex", "gpt-6-sol", "exec", script, sockets=True)]
    # A tool in a namespace, which Codex itself answers.
    found += [Case("codex", model, "multi_agent_v1__close_agent", {"target": "nobody"}, ran=False) for model in families[1:]]
    # As OpenAI's own model the tools go up as they came; the simulator calls none of them.
    found += [Case("codex", "gpt-6-luna", "", {}, ran=False)]
    found += [Case("claude", model, "Bash", {"command": COMMAND}) for model in families]
    for number, case in enumerate(found):
        case.number = number
    return found


class Agents:
    """Everything that runs."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.node = Path(options.node) / "node_modules/.bin"
        self.sim = Simulator(options.simulator)
        config = CONFIG.replace("defaults:", ALIASES.strip("\n") + "\ndefaults:")
        self.gateway = Gateway(options.binary, config.format(port=self.sim.port, attempts=1, allow=""))
        self.folder = tempfile.TemporaryDirectory(prefix="llmgw-agents-")

    def stop(self) -> None:
        self.gateway.__exit__()
        self.sim.stop()
        self.folder.cleanup()

    def command(self, case: Case, home: Path) -> tuple[list[str], dict[str, str]]:
        env = {"HOME": str(home), "PATH": f"{self.node}:/usr/local/bin:/usr/bin:/bin"}
        if case.agent == "codex":
            (home / "config.toml").write_text(CODEX.format(model=case.model, port=self.gateway.port, sockets=str(case.sockets).lower()))
            env |= {"CODEX_HOME": str(home), "LLMGW_KEY": "k"}
            return ["codex", "exec", "--skip-git-repo-check", "--json", case.prompt()], env
        env |= {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.gateway.port}", "ANTHROPIC_AUTH_TOKEN": "k", "ANTHROPIC_MODEL": case.model,
                "ANTHROPIC_DEFAULT_HAIKU_MODEL": case.model, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_TELEMETRY": "1"}
        return ["claude", "-p", case.prompt(), "--allowedTools", "Bash", "--output-format", "json"], env

    def run(self, case: Case) -> list[str]:
        """What is wrong with the turn."""
        root = Path(self.folder.name) / str(case.number)
        home, work = root / "home", root / "work"
        for folder in (home, work):
            folder.mkdir(parents=True)
        command, env = self.command(case, home)
        try:
            done = subprocess.run([str(self.node / command[0]), *command[1:]], cwd=work, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired as late:
            return [f"no end: {str(late.stdout)[-400:]}"]
        problems = [] if done.returncode == 0 else [f"exit {done.returncode}: {done.stdout[-600:]} {done.stderr[-300:]}"]
        out = work / "out.txt"
        wrote = out.read_text() if out.exists() else ""
        if wrote != ("heron\n" if case.ran else ""):
            problems.append(f"the command wrote {wrote!r}")
        said = self.said(case, done.stdout)
        if ("Tool results" if case.tool else "Hello from") not in said or "unsupported" in said:
            problems.append(f"the answer is {said!r}")
        return problems + self.upstream(case)

    @staticmethod
    def said(case: Case, stdout: str) -> str:
        rows = [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]
        if case.agent == "claude":
            return rows[-1].get("result", "") if rows else ""
        items = [row["item"] for row in rows if row["type"] == "item.completed"]
        return "".join(item["text"] for item in items if item["type"] == "agent_message")

    def upstream(self, case: Case) -> list[str]:
        """What the simulator has to say of this case's requests."""
        entries = [entry for entry in self.sim.get("/_sim/log?limit=5000")["requests"] if f"case-{case.number}-" in json.dumps(entry["body"])]
        good = [entry for entry in entries if not entry["violations"]]
        problems = [f"the provider finds fault: {str(entry['violations'])[:300]}" for entry in entries if entry["violations"] not in [[], *LEARNT]]
        if len(good) != (2 if case.tool else 1):
            problems.append(f"{len(good)} requests were answered")
        if case.model == "gpt-6-luna" and not any(item["type"] == "additional_tools" for entry in good for item in entry["body"]["input"]):
            problems.append("the tools did not go up as they came")
        return problems


def loopback_up() -> None:
    """In a new network namespace loopback is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name, get, put, up = b"lo", 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
        flags = struct.unpack_from("16xh", fcntl.ioctl(any_socket, get, struct.pack("16sh22x", name, 0)))[0]
        if not flags & up:
            fcntl.ioctl(any_socket, put, struct.pack("16sh22x", name, flags | up))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("simulator", type=Path)
    parser.add_argument("--node", required=True)
    parser.add_argument("-k", default="", help="only the cases with this word in their name")
    options = parser.parse_args()
    loopback_up()
    agents = Agents(options)
    started = time.monotonic()
    failed = 0
    try:
        chosen = [case for case in cases() if options.k in case.name]
        with concurrent.futures.ThreadPoolExecutor(min(6, 2 * (os.cpu_count() or 1))) as pool:
            for case, problems in zip(chosen, pool.map(agents.run, chosen)):
                failed += bool(problems)
                print(f"{'FAILED' if problems else 'ok':6} {case.name}", *problems, sep="\n         " if problems else "", flush=True)
        for name, problems in shapes.run(agents.gateway, agents.sim, options.k):
            failed += bool(problems)
            print(f"{'FAILED' if problems else 'ok':6} {name}", *problems, sep="\n         " if problems else "", flush=True)
        refused = [line for line in agents.gateway.log().splitlines() if "request refused" in line]
        panics = agents.gateway.panics()
        print(*refused, *panics, sep="\n", end="\n" if refused or panics else "")
        failed += len(refused) + len(panics)
    finally:
        agents.stop()
    print(f"{failed} failures, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
