"""Ten turns with a tool and thinking, through every door onto every family; then again with the route changing vendors.

    python run.py BINARY SIMULATOR [-k WORD]

The strict simulator judges every request. What it issued (thinking signatures, encrypted reasoning, thought signatures) is
read on the wire and held byte for byte against what goes back to it; nothing may go to a vendor that did not make it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("support", "sim")]

from bench import CONFIG, Simulator  # noqa: E402
from clients import DOORS, Chat, Client  # noqa: E402
from gateway import Gateway  # noqa: E402
from tap import Exchange, Tap  # noqa: E402

TURNS = 10
# Between the call of this turn and its output the first target goes down; before that one it is back.
DOWN, BACK = 3, 8
MODELS = ["openai/gpt-6-luna", "anthropic/claude-sonnet-5-5", "anthropic/claude-opus-4-5", "google/gemini-3.8-flash"]
PAIRS = [(a, b) for a in MODELS for b in MODELS if a != b and "opus" not in a + b] + [("anthropic/claude-sonnet-5-5", "anthropic/claude-opus-5-5")]


@dataclass
class Talk:
    """One conversation to be held."""

    door: type[Client]
    streamed: bool
    targets: tuple[str, ...]
    number: int = 0

    @property
    def name(self) -> str:
        return f"{self.door.__name__.lower()} {'streamed' if self.streamed else 'whole'} {' <> '.join(self.targets)}"

    @property
    def model(self) -> str:
        return self.targets[0] if len(self.targets) == 1 else f"route-{PAIRS.index(self.targets)}"

    @property
    def mark(self) -> bytes:
        return f"talk-{self.number}-".encode()


def talks() -> list[Talk]:
    found = [Talk(door, streamed, (model,)) for model in MODELS for door, deliveries in DOORS for streamed in deliveries]
    # On the way between vendors each door is whole for one pair and streamed for the next.
    found += [Talk(door, deliveries[(at + turn) % len(deliveries)], pair) for at, pair in enumerate(PAIRS) for turn, (door, deliveries) in enumerate(DOORS)]
    for number, talk in enumerate(found):
        talk.number = number
    return found


def hold(talk: Talk, gateway: Gateway, tap: Tap) -> list[str]:
    """Holds the conversation; what was wrong with it."""
    client = talk.door(gateway, talk.model, talk.streamed, budget="opus-4-5" in talk.targets[0])
    try:
        for turn in range(TURNS):
            if turn == BACK:
                tap.down.pop(talk.mark, None)
            said = client.ask(f'[[think]] [[tool:lookup {{"city":"C{turn}"}}]] {talk.mark.decode()} turn {turn}.')
            assert [arguments for _, arguments in said.calls] == [{"city": f"C{turn}"}], f"turn {turn}: called {said.calls}"
            if turn == DOWN and len(talk.targets) > 1:
                tap.down[talk.mark] = talk.targets[0]
            said = client.answer(said.calls[0][0], f"{turn} degrees")
            assert not said.calls and f"{turn} degrees" in said.text, f"turn {turn}: said {said}"
    except Exception:  # a conversation that cannot go on has failed, whatever the reason
        return [traceback.format_exc(limit=-2).strip()]
    finally:
        client.close()
    return judge(talk, tap.seen[talk.mark])


def judge(talk: Talk, seen: list[Exchange]) -> list[str]:
    """What went wrong on the wire."""
    if len(seen) != 2 * TURNS:
        return [f"{len(seen)} requests were answered where {2 * TURNS} were to be"]
    problems = []
    for at, exchange in enumerate(seen):
        body = json.dumps(exchange.asked)
        if "llmgw" in body:
            problems.append(f"request {at}: an envelope of the gateway's went up")
        own = [state for earlier in seen[:at] if same(earlier, exchange) for state in earlier.issued]
        foreign = [state for earlier in seen[:at] if not same(earlier, exchange) for state in earlier.issued]
        if any(state in body for state in foreign):
            problems.append(f"request {at}: state of another vendor went to {exchange.model}")
        if not subsequence(exchange.replayed, own):
            problems.append(f"request {at}: {exchange.model} gets what it never issued, or out of order")
        if len(talk.targets) == 1:
            problems += kept(talk, seen, at)
    if len(talk.targets) > 1:
        answered = [f"{exchange.provider}/{exchange.model}" for exchange in seen]
        first, second = 2 * DOWN + 1, 2 * BACK
        if answered != [talk.targets[0]] * first + [talk.targets[1]] * (second - first) + [talk.targets[0]] * (len(seen) - second):
            problems.append(f"answered by {answered}")
    return problems[:3]


def kept(talk: Talk, seen: list[Exchange], at: int) -> list[str]:
    """Everything that was issued goes back; clients of Chat Completions bring back that of calls at the least."""
    earlier, exchange, problems = seen[:at], seen[at], []
    # The only state that such a client can be helped to is that before a call, and that after a last text.
    due = [state for before in earlier if talk.door is not Chat or before.called or before.provider == "google" for state in before.issued]
    if exchange.replayed != due:
        problems.append(f"request {at}: {len(exchange.replayed)} of {len(due)} states came back as they were issued")
    if earlier and not earlier[-1].issued:
        problems.append(f"request {at}: nothing was thought before, so nothing is shown")
    if earlier and exchange.turns[: len(earlier[-1].turns)] != earlier[-1].turns:
        problems.append(f"request {at}: does not begin as the one before, which no prompt cache forgives")
    return problems


def same(one: Exchange, other: Exchange) -> bool:
    """Thinking of Anthropic's is bound to its model."""
    return one.provider == other.provider and (one.provider != "anthropic" or one.model == other.model)


def subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(state in rest for state in part)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("simulator", type=Path)
    parser.add_argument("-k", default="", help="only the conversations with this word in their name")
    options = parser.parse_args()
    started = time.monotonic()
    sim = Simulator(options.simulator)
    tap = Tap(sim.port)
    routes = "".join(f"  route-{number}: {{{{ targets: [{', '.join(pair)}] }}}}\n" for number, pair in enumerate(PAIRS))
    config = CONFIG.replace("defaults:\n", routes + "defaults:\n").format(port=tap.port, attempts=1, allow="")
    chosen = [talk for talk in talks() if options.k in talk.name]
    failed = 0
    with Gateway(options.binary, config) as gateway:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for talk, problems in zip(chosen, pool.map(lambda talk: hold(talk, gateway, tap), chosen)):
                failed += bool(problems)
                if problems:
                    print(f"FAILED {talk.name}", *problems, sep="\n    ", flush=True)
        violations = [entry for entry in sim.get("/_sim/log?violations=1&limit=5000")["requests"]]
        for entry in violations[:10]:
            print(f"the simulator refused {entry['model']}: {str(entry['violations'])[:300]}")
        panics = gateway.panics()
        print(*panics, sep="\n", end="\n" if panics else "")
        failed += len(violations) + len(panics)
    sim.stop()
    states = sum(len(exchange.replayed) for seen in tap.seen.values() for exchange in seen)
    print(f"{len(chosen)} conversations of {TURNS} turns, {states} states came back, {failed} failures, {time.monotonic() - started:.0f} s")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
