"""One side of the conversation, on Python's websockets; the cases and the commands are those of client.rs and server.rs.

    peer.py serve [--deflate on]
    peer.py call [--deflate on] --port PORT --relay PORT

The server's first line of output is its port; it ends when its standard input does.
"""

import argparse
import asyncio
import socket
import struct
import sys

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Opcode

from cases import Failure, case, check, run_cases

SUBPROTOCOL = "echo.v1"
FOREIGN_SUBPROTOCOL = "other.v9"
LOST = "lost"
SIZES = (0, 125, 126, 65_535, 65_536, 1 << 20)
# Characters of one to four bytes.
BEYOND_ASCII = "zRPC – grüßt 😈 " * 4000
# A machine that is busy is no peer that is gone.
PATIENT = {"open_timeout": 60, "close_timeout": 60, "ping_interval": None}


class CountsPings:
    """A connection that wakes somebody at each ping."""

    pings = 0

    def process_event(self, event):
        if getattr(event, "opcode", None) is Opcode.PING:
            self.pings += 1
            self.pinged.set()
        super().process_event(event)

    @property
    def pinged(self):
        if not hasattr(self, "event"):
            self.event = asyncio.Event()
        return self.event

    async def await_pings(self, count):
        while self.pings < count:
            self.pinged.clear()
            await self.pinged.wait()


class Client(CountsPings, ClientConnection):
    pass


class Server(CountsPings, ServerConnection):
    pass


def fragments(text, size=2_003):
    """A text in parts; websockets sends each as a frame."""
    return [text[at : at + size] for at in range(0, len(text), size)]


async def with_pings(connection, parts):
    """The same parts, a ping after each."""
    for part in parts:
        yield part
        await connection.ping()


def vanish(connection):
    """Ends the transport without a word: with a reset, as a process that dies does when something was left unread."""
    transport = connection.transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def how_it_ends(connection):
    """Reads to the end, and says how that came: `CODE REASON`, or that the connection was lost."""
    try:
        while True:
            await connection.recv()
    except websockets.ConnectionClosed as closed:
        return ending(closed)


def ending(closed):
    frames = [closed.rcvd, closed.sent]
    if None in frames:
        return LOST
    first = frames[0] if closed.rcvd_then_sent else frames[1]
    return f"{first.code} {first.reason}".strip()


# --- the server --------------------------------------------------------------------------------------------------------

ends = {}


async def answer(connection):
    name = connection.request.path.strip("/")
    try:
        while True:
            message = await connection.recv()
            if not isinstance(message, str) or not message.startswith("!"):
                await connection.send(message)
            elif await obey(connection, *message.split(" ", 2)):
                break
    except websockets.ConnectionClosed as closed:
        ends[name] = ending(closed)


async def obey(connection, command, *words):
    """Does as told, and says whether that was the end."""
    if command == "!close":
        await connection.close(int(words[0]), words[1])
        return True
    if command == "!vanish":
        vanish(connection)
        return True
    if command == "!ended":
        await connection.send(ends.get(words[0], ""))
    elif command == "!fragments":
        await connection.send(with_pings(connection, fragments(BEYOND_ASCII)))
    elif command == "!ping":
        await (await connection.ping("are you there?"))
        await connection.send("ponged")
    elif command == "!pings":
        await connection.await_pings(int(words[0]))
        await connection.send("pinged")
    else:
        await connection.send(f"{command} is not known here")
    return False


async def run_server(options):
    settings = {"compression": options.compression, "max_size": 1 << 24, "create_connection": Server}
    async with serve(answer, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], **settings, **PATIENT) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close(close_connections=True)


# --- the client --------------------------------------------------------------------------------------------------------


def opened(options, name, port=None, subprotocols=(SUBPROTOCOL,)):
    uri = f"ws://127.0.0.1:{port or options.port}/{name}"
    settings = {"compression": options.compression, "max_size": 1 << 24, "create_connection": Client, "proxy": None}
    return connect(uri, subprotocols=list(subprotocols), **settings, **PATIENT)


async def echo(connection, message):
    await connection.send(message)
    check(await connection.recv(), message)


async def has_ended(options, name, expected):
    async with opened(options, "asks") as connection:
        while True:
            await connection.send(f"!ended {name}")
            if end := await connection.recv():
                return check(end, expected)
            await asyncio.sleep(0.01)


@case
async def texts_of_every_size_come_back(options):
    async with opened(options, "texts") as connection:
        for size in SIZES:
            await echo(connection, "x" * size)


@case
async def bytes_of_every_size_come_back(options):
    async with opened(options, "bytes") as connection:
        for size in SIZES:
            await echo(connection, bytes((at * 2_654_435_761 >> 24) & 255 for at in range(size)))


@case
async def utf8_beyond_ascii_comes_back(options):
    async with opened(options, "utf8") as connection:
        for text in ("ä", "\u07ff\u0800\uffff\U00010000\U0010ffff", "\0", BEYOND_ASCII):
            await echo(connection, text)


@case
async def a_thousand_messages_come_back_in_order(options):
    async with opened(options, "many") as connection:
        for number in range(1000):
            await connection.send(f"number {number}")
        for number in range(1000):
            check(await connection.recv(), f"number {number}")


@case
async def a_repetitive_message_crosses_the_relay(options):
    async with opened(options, "repetitive", options.relay) as connection:
        for _ in range(2):
            await echo(connection, "zRPC " * 50_000)


@case
async def the_server_hears_code_and_reason_of_a_close(options):
    async with opened(options, "closed") as connection:
        await echo(connection, "before")
        await connection.close(4001, "genug für heute")
        check(await how_it_ends(connection), "4001 genug für heute")
    await has_ended(options, "closed", "4001 genug für heute")


@case
async def the_client_hears_code_and_reason_of_a_close(options):
    async with opened(options, "close") as connection:
        await connection.send("!close 4002 tschüß, bis bald")
        check(await how_it_ends(connection), "4002 tschüß, bis bald")


@case
async def the_server_sees_a_client_vanish(options):
    async with opened(options, "vanished") as connection:
        await echo(connection, "before")
        vanish(connection)
    await has_ended(options, "vanished", LOST)


@case
async def the_client_sees_a_server_vanish(options):
    async with opened(options, "vanish") as connection:
        await connection.send("!vanish")
        check(await how_it_ends(connection), LOST)


@case
async def a_subprotocol_is_chosen(options):
    async with opened(options, "subprotocol", subprotocols=(FOREIGN_SUBPROTOCOL, SUBPROTOCOL)) as connection:
        check(connection.subprotocol, SUBPROTOCOL)
        await echo(connection, "after")


@case
async def a_client_of_a_foreign_subprotocol_is_refused(options):
    try:
        async with opened(options, "foreign", subprotocols=(FOREIGN_SUBPROTOCOL,)):
            raise Failure("the connection was opened")
    except websockets.InvalidStatus as error:
        check(error.response.status_code, 400)


@case
async def a_text_in_fragments_comes_back_as_one(options):
    async with opened(options, "fragments") as connection:
        await connection.send(with_pings(connection, fragments(BEYOND_ASCII)))
        check(await connection.recv(), BEYOND_ASCII)


@case
async def a_ping_of_the_client_is_answered(options):
    async with opened(options, "ping") as connection:
        await (await connection.ping("are you there?"))


@case
async def a_client_that_is_silent_is_asked_again_and_again(options):
    # A second ping comes only after the first was answered.
    async with opened(options, "heartbeat") as connection:
        await connection.await_pings(3)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("serve", "call"))
    parser.add_argument("--deflate", default="off")
    parser.add_argument("--port", type=int)
    parser.add_argument("--relay", type=int)
    options = parser.parse_args()
    options.compression = "deflate" if options.deflate == "on" else None
    if options.verb == "serve":
        asyncio.run(run_server(options))
    else:
        sys.exit(1 if asyncio.run(run_cases(options)) else 0)


main()
