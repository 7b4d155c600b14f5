"""Bare sockets where a worker should be: one that answers what it is told to, one that loses a worker's reply."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket], None]
_SECONDS = 10.0
_END = b"\r\n\r\n"


@contextmanager
def listening(handle: Handler) -> Iterator[str]:
    """Answer every connection with `handle`, in a thread of its own; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        acceptor = threading.Thread(target=_accept, args=(server, handle), daemon=True)
        acceptor.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        # Closing alone does not wake a thread that waits in accept.
        server.shutdown(socket.SHUT_RDWR)
        acceptor.join(_SECONDS)
    assert not acceptor.is_alive()


def _accept(server: socket.socket, handle: Handler) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_serve, args=(connection, handle), daemon=True).start()


def _serve(connection: socket.socket, handle: Handler) -> None:
    connection.settimeout(_SECONDS)
    with connection, suppress(OSError):
        handle(connection)


class Answering:
    """Reads a request and sends the bytes it was made with, as many of them as are taken.

    Attributes:
        requests: What was asked, request lines only.
        sent: How many bytes were taken.
    """

    def __init__(self, *chunks: bytes, endless: Iterable[bytes] = ()) -> None:
        self._chunks = chunks
        self._endless = endless
        self.requests: list[str] = []
        self.sent = 0

    def __call__(self, connection: socket.socket) -> None:
        head = read_head(connection)
        if not head:
            return
        self.requests.append(head.split(b"\r\n", 1)[0].decode())
        for chunk in itertools.chain(self._chunks, self._endless):
            connection.sendall(chunk)
            self.sent += len(chunk)
        # Without this, what the client has not read yet could be lost with the connection.
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


class LosingReplies:
    """Stands before a worker and passes everything on, but for the replies to the first `lost` POSTs.

    Attributes:
        posts: The POSTs that reached the worker, heads and bodies.
    """

    def __init__(self, worker_url: str, *, lost: int) -> None:
        host, port = worker_url.removeprefix("http://").split(":")
        self._worker = (host, int(port))
        self._lost = lost
        self.posts: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        while request := read_message(connection):
            with socket.create_connection(self._worker, _SECONDS) as worker:
                worker.sendall(request)
                reply = read_message(worker)
            if request.startswith(b"POST"):
                self.posts.append(request)
                if len(self.posts) <= self._lost:
                    return
            connection.sendall(reply)


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while _END not in head and (chunk := connection.recv(65536)):
        head += chunk
    return head


def read_message(connection: socket.socket) -> bytes:
    """Return a request or a reply with its body; empty when the peer has gone."""
    message = read_head(connection)
    head, _, body = message.partition(_END)
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0 and (chunk := connection.recv(65536)):
        message += chunk
        missing -= len(chunk)
    return message
