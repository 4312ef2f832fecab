"""Python's websockets calls a service of ours by hand: JSON, as docs/native-protocol.md has it.

Usage: carrier.py PORT, of an interop-server.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect

from cases import case, check, run_cases

SERVICE = "/grpc.testing.TestService"
SIZES = [31415, 9, 2653, 58979]


class Caller:
    """A connection that makes one call after the other."""

    def __init__(self, connection):
        self.connection = connection
        self.calls = 0

    async def call(self, method, message, **head):
        """The messages and the status of a call."""
        self.calls += 1
        head = {"path": f"{SERVICE}/{method}", **head}
        await self.connection.send(json.dumps({"call": self.calls, "head": head, "message": message, "end": True}))
        messages = []
        while True:
            said = json.loads(await self.connection.recv())
            for frame in said if isinstance(said, list) else [said]:
                if frame.get("call") != self.calls:
                    check("hello" in frame or "credit" in frame, True)
                    continue
                if "message" in frame:
                    messages.append(frame["message"])
                    cost = 32 + frame["size"]
                    if "end" not in frame:
                        credit = {"call": self.calls, "amount": cost}
                        await self.connection.send(json.dumps({"credit": credit}))
                if "end" in frame:
                    return messages, frame["end"]


def size(message):
    """Bytes of a payload in base64."""
    text = message["payload"]["body"]
    return len(text) // 4 * 3 - text.count("=")


@case
async def a_unary_call(caller):
    messages, end = await caller.call("UnaryCall", {"responseSize": 1000, "payload": {"body": "aGk="}})
    check(([size(message) for message in messages], end), ([1000], {"code": 0}))


@case
async def a_stream_of_answers(caller):
    asked = {"responseParameters": [{"size": size} for size in SIZES]}
    messages, end = await caller.call("StreamingOutputCall", asked)
    check(([size(message) for message in messages], end), (SIZES, {"code": 0}))


@case
async def a_status_with_its_message(caller):
    asked = {"responseStatus": {"code": 2, "message": "grüßt 😈"}}
    check(await caller.call("UnaryCall", asked), ([], {"code": 2, "message": "grüßt 😈"}))


@case
async def metadata_comes_back(caller):
    metadata = {"x-grpc-test-echo-initial": ["there"], "x-grpc-test-echo-trailing-bin": ["q6ur"]}
    _, end = await caller.call("UnaryCall", {"responseSize": 1}, metadata=metadata)
    check(end, {"code": 0, "metadata": {"x-grpc-test-echo-trailing-bin": ["q6ur"]}})


async def main():
    uri = f"ws://127.0.0.1:{sys.argv[1]}/"
    async with connect(uri, subprotocols=["zrpc.v1+json"], proxy=None) as connection:
        check(connection.subprotocol, "zrpc.v1+json")
        failed = await run_cases(Caller(connection))
    sys.exit(1 if failed else 0)


asyncio.run(main())
