"""A recorded exchange, read from its file. Standard library only, and nothing of the gateway's own code."""

import json
import pathlib
import re
from dataclasses import dataclass, field

# A server-sent-events line ends at CR, LF or CRLF, never at U+2028 or U+0085 as `str.splitlines` has it.
LINE_END = re.compile("\r\n|\n|\r")


@dataclass
class Recording:
    """One file of the corpus."""

    id: str
    api: str
    stream: bool
    fidelity: str
    status: int
    request: dict
    body: object
    sse: str | None
    text: str | None

    @property
    def vendor(self):
        """The folder's second word for `compat-…`: `groq` of `compat-groq-chat`."""
        folder = self.id.split("/")[0]
        return folder.split("-", 1)[1].rsplit("-", 1)[0] if folder.startswith("compat-") else None

    @property
    def is_streamed(self):
        """Did the reply arrive as a stream? A streaming request that failed did not."""
        return self.sse is not None or isinstance(self.body, list)


@dataclass
class Facts:
    """What a right decoder must find in a reply."""

    text: str = ""
    refusal: str = ""
    calls: list = field(default_factory=list)
    # Calls of free-form tools.
    customs: list = field(default_factory=list)
    reasoning: str = ""
    opaque: list = field(default_factory=list)
    usage: dict | None = None
    end: str = ""
    model: str = ""
    # Kinds of the items in order, where the wire has items of its own.
    items: list | None = None
    # What the wire itself says of counts, and the terms on which it was served.
    counted: dict | None = None
    tier: str = ""

    def call(self, name, arguments, call_id, whole=True):
        """Adds a tool call; arguments as a JSON value, or as the text that a cut left behind."""
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        value, readable = None, True
        if text.strip() == "":
            value = {}
        else:
            try:
                value = json.loads(text)
            except ValueError:
                readable = False
        self.calls.append(
            {"name": name, "arguments": value if readable else {"unreadable": text}, "call_id": call_id}
        )
        return readable and whole


def recordings(folder):
    """All recordings below a folder, in the order of their ids."""
    root = pathlib.Path(folder)
    for path in sorted(root.rglob("*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))
        reply = raw["response"]
        yield Recording(
            id=str(path.relative_to(root).with_suffix("")),
            api=raw["api"],
            stream=raw["stream"],
            fidelity=raw["source"]["fidelity"],
            status=reply["status"],
            request=raw.get("request") or {},
            body=reply.get("body"),
            sse=reply.get("sse"),
            text=reply.get("text"),
        )


def frames(sse):
    """The JSON of each event with data, in order; `[DONE]` and what is not JSON come as text."""
    found, lines = [], []
    for line in LINE_END.split(sse.removeprefix("\ufeff")) + [""]:
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
        elif line.startswith("{") or (lines and line and lines[0] == "{"):
            # Google breaks a stream off with an error that is bare JSON, outside of any field.
            lines.append(line)
        elif line == "" and lines:
            text = "\n".join(lines)
            lines = []
            try:
                found.append(json.loads(text))
            except ValueError:
                found.append(text)
    return found


def number(value):
    """A count, where absent and null are 0."""
    return value if isinstance(value, int) else 0


def counts(total_in, cached, written, total_out, thought):
    """Token counts on the common basis: cached and written inside the input, reasoning inside the output."""
    return {
        "input": total_in,
        "cached": cached,
        "written": written,
        "output": total_out,
        "reasoning": thought,
    }
