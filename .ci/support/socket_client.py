"""The least of a WebSocket client: one message out, text frames in until one ends a response."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct

TERMINALS = ("response.completed", "response.incomplete", "response.failed", "error")


def exchange(port: int, message: dict, timeout: float = 30) -> list[dict]:
    """Sends a message to `/v1/responses` and collects the events of its response."""
    with socket.create_connection(("127.0.0.1", port), timeout) as link:
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n\r\n"
        link.sendall(head.encode())
        reader = link.makefile("rb")
        status = reader.readline()
        if b" 101 " not in status:
            raise OSError(f"no WebSocket: {status!r}")
        while reader.readline() not in (b"\r\n", b""):
            pass
        link.sendall(frame(json.dumps(message).encode()))
        events: list[dict] = []
        while not events or events[-1]["type"] not in TERMINALS:
            opcode, payload = read_frame(reader)
            if opcode == 1:
                events.append(json.loads(payload))
            elif opcode == 8:
                raise OSError(f"closed: {payload!r}")
        return events


def frame(payload: bytes) -> bytes:
    """A whole text frame, masked as a client must."""
    mask = os.urandom(4)
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return b"\x81" + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def read_frame(reader) -> tuple[int, bytes]:
    first, second = reader.read(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", reader.read(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", reader.read(8))
    return first & 0x0F, reader.read(size)
