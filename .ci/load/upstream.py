"""Two servers of Chat Completions on one loopback port, /a and /b, that can be told to flap, to die and to be slow.

    python3 upstream.py

Prints its port, then serves until its standard input ends. The prompt's last word is repeated in the answer, so that
every answer belongs to one request. `GET /set?a=flap&b=up&hold=1` sets how they are; `GET /stats` tells what was asked.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from urllib.parse import parse_qsl

# Up so long and down so long, in seconds; different, so that now and then both are down.
PERIODS = {"a": 0.30, "b": 0.73}
TICK = 0.05

state = {"a": "up", "b": "up", "hold": "0"}
began = time.monotonic()
asked: Counter[str] = Counter()
served: Counter[str] = Counter()
answers: Counter[str] = Counter()


def is_up(name: str) -> bool:
    if state[name] == "flap":
        return int((time.monotonic() - began) / PERIODS[name]) % 2 == 0
    return state[name] == "up"


def head(status: str, media: str, *more: str) -> bytes:
    return ("\r\n".join([f"HTTP/1.1 {status}", f"content-type: {media}", *more]) + "\r\n\r\n").encode()


def body(status: str, value: dict) -> bytes:
    data = json.dumps(value).encode()
    return head(status, "application/json", f"content-length: {len(data)}") + data


def chunk(value: dict | str) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    data = f"data: {text}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def piece(text: str | None, finish: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return chunk({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [choice]})


async def answer(name: str, request: dict, writer: asyncio.StreamWriter) -> None:
    asked[name] += 1
    if not is_up(name):
        writer.write(body("503 Service Unavailable", {"error": {"message": "down", "code": "overloaded", "type": "overloaded"}}))
        return
    served[name] += 1
    word = request["messages"][-1]["content"].split()[-1]
    answers[word] += 1
    text = f"answer {word}"
    if not request.get("stream"):
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        writer.write(body("200 OK", {"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [choice], "usage": usage}))
        return
    writer.write(head("200 OK", "text/event-stream", "transfer-encoding: chunked"))
    ticks = 0
    if word.startswith("long"):
        writer.write(piece(f"{word}:0"))
        # Until somebody lets go, and a little longer.
        left = 20
        while state["hold"] == "1" or left > 0:
            left = 20 if state["hold"] == "1" else left - 1
            await asyncio.sleep(TICK)
            ticks += 1
            writer.write(piece(f" {ticks}"))
            await writer.drain()
    else:
        for part in ("answer", " ", word):
            writer.write(piece(part))
    writer.write(piece(None, "stop"))
    writer.write(chunk("[DONE]") + b"0\r\n\r\n")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = lines[0].split(" ")
            headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
            data = await reader.readexactly(int(headers.get("content-length", 0)))
            if method == "GET" and path.startswith("/set?"):
                state.update(parse_qsl(path.partition("?")[2]))
                writer.write(body("200 OK", {}))
            elif method == "GET" and path == "/stats":
                twice = sum(1 for count in answers.values() if count > 1)
                writer.write(body("200 OK", {"asked": asked, "served": served, "words": len(answers), "twice": twice}))
            elif method == "GET":
                writer.write(body("200 OK", {"object": "list", "data": []}))
            else:
                await answer(path[1], json.loads(data), writer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
