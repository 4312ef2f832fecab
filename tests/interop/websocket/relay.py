"""Stands between a client and a server, and tells what passed: of each connection a line `EXTENSIONS|UP|DOWN`.

Usage: relay.py PORT. Its first line of output is its port. It ends when its standard input does, after its connections.
EXTENSIONS is what the server chose, UP and DOWN are the bytes that followed the two heads of the handshake.
"""

import socket
import sys
import threading


class Passed:
    """What passed in one direction."""

    def __init__(self):
        self.head = b""
        self.is_open = False
        self.body = 0

    def add(self, data):
        if not self.is_open:
            self.head += data
            head, end, body = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.is_open, self.head, data = True, head, body
        self.body += len(data)

    def field(self, name):
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.split(":", 1) for line in lines)
        return ", ".join(value.strip() for key, value in pairs if key.lower() == name)


def copy(source, target, passed):
    try:
        while data := source.recv(65536):
            passed.add(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # The other direction sees it as well.
        pass


def relay(client, port):
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        up, down = Passed(), Passed()
        back = threading.Thread(target=copy, args=(server, client, down), daemon=False)
        back.start()
        copy(client, server, up)
        back.join()
    print(f"{down.field('sec-websocket-extensions')}|{up.body}|{down.body}", flush=True)


def serve(listener, port):
    while True:
        client, _ = listener.accept()
        # The process waits for these, and not for the thread that accepts.
        threading.Thread(target=relay, args=(client, port), daemon=False).start()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=serve, args=(listener, int(sys.argv[1])), daemon=True).start()
    sys.stdin.read()


main()
