"""An upstream on loopback that does wrong what a request's model names: raw sockets, one script a request."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import struct
import threading
from collections.abc import Awaitable, Callable

Script = Callable[["Wire"], Awaitable[None]]
Answering = Callable[["Wire", bytes, bytes], Awaitable[None]]
MARK = re.compile(rb"-f(\d+)f")


class Wire:
    """One connection, seen from the upstream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: str = "200 OK", media: str = "application/json", *more: str) -> None:
        # Without it a next request might be sent on this connection just as it closes.
        lines = [f"HTTP/1.1 {status}", f"content-type: {media}", "connection: close", *more]
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def last_chunk(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def body(self, data: bytes, status: str = "200 OK", media: str = "application/json", *more: str) -> None:
        await self.head(status, media, f"content-length: {len(data)}", *more)
        await self.raw(data)

    async def silence(self) -> None:
        """Until the other side has had enough."""
        try:
            await asyncio.wait_for(self.reader.read(1), 60)
        except TimeoutError:
            pass

    def reset(self) -> None:
        """Breaks the connection with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Upstream:
    """The server, in a thread of its own."""

    def __init__(self, answer: Answering | None = None) -> None:
        self.scripts: dict[int, Script] = {}
        self.answer = answer
        self.writers: set[asyncio.StreamWriter] = set()
        self.faults: list[str] = []
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = self.call(asyncio.start_server(self.serve, "127.0.0.1", 0, limit=2**24))
        self.port = self.server.sockets[0].getsockname()[1]

    def call(self, work: Awaitable):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while await self.one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request. False where the connection is used up."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.I)
        body = await reader.readexactly(int(length[1])) if length else b""
        mark = MARK.search(head.split(b"\r\n")[0]) or MARK.search(body)
        if mark is None:
            self.faults.append(f"an unknown request: {head[:80]!r}")
            return False
        if self.answer is not None:
            try:
                await self.answer(Wire(reader, writer), head, body)
            except (AssertionError, KeyError, TypeError) as fault:
                self.faults.append(f"{fault!r} at {head.split(b' ')[1]!r}: {body[-300:]!r}")
            return False
        await self.scripts[int(mark[1])](Wire(reader, writer))
        return False  # a script says all that its connection ever says

    def stop(self) -> None:
        async def close() -> None:
            self.server.close()
            for writer in list(self.writers):
                writer.transport.abort()

        self.call(close())


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def zipped(data: bytes) -> bytes:
    return gzip.compress(data)
