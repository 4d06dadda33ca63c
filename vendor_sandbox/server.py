"""The socket side of the sandbox: HTTP/1.1 with keep-alive on loopback. It can cut, halve and drip its replies."""

import contextlib
import io
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

from vendor_sandbox.wire import Answer, Reply

HOST = "127.0.0.1"

Exchange = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""Takes method, target, headers (names in lower case) and body of a call; returns what to send."""

_DRIPS = 20
_PIECE = 256 * 1024


class Server(ThreadingHTTPServer):
    """Listens from construction on. Raises OSError when the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, exchange: Exchange) -> None:
        self.exchange = exchange
        self.closing = threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._open_lock = threading.Lock()
        super().__init__((HOST, port), _Handler)
        self._loop = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._loop.start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for this host's name, which can take seconds without a network.
        socketserver.TCPServer.server_bind(self)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                del self._open[request]

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may hang up in the middle: tests do so on purpose.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening, cut every open connection, and wait for the threads behind them."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        with self._open_lock:
            still_open = dict(self._open)
        for connection in still_open:
            cut(connection)
        for thread in (self._loop, *still_open.values()):
            if thread is not threading.current_thread():
                thread.join(timeout=2)


def cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _opened(reply: Reply) -> BinaryIO:
    if reply.file is not None:
        return reply.file.open("rb")
    return io.BytesIO(b"" if reply.status == 204 else reply.body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sync-pipelines-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: Server

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdecimal()):
            self.close_connection = True
            self._send(Answer(Reply(411)))
            return
        body = self.rfile.read(int(length))
        if len(body) == int(length):
            self._send(self.server.exchange(self.command, self.path, headers, body))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815

    def _send(self, answer: Answer) -> None:
        reply = answer.reply
        if reply is None:
            self._hang_up()
            return
        with _opened(reply) as body:
            size = body.seek(0, io.SEEK_END)
            body.seek(0)
            if answer.cut_at_half and not size:
                self._hang_up()
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(size))
            self.end_headers()
            if answer.cut_at_half:
                self._write(body, size // 2)
                self._hang_up()
            elif answer.over_seconds:
                self._drip(body, size, answer.over_seconds)
            else:
                self._write(body, size)

    def _write(self, body: BinaryIO, size: int) -> None:
        while size and (piece := body.read(min(size, _PIECE))):
            self.wfile.write(piece)
            size -= len(piece)
        self.wfile.flush()

    def _drip(self, body: BinaryIO, size: int, seconds: float) -> None:
        piece = max(1, -(-size // _DRIPS))
        for _ in range(0, size, piece):
            self._write(body, piece)
            if self.server.closing.wait(seconds / _DRIPS):
                break

    def _hang_up(self) -> None:
        self.close_connection = True
        cut(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the call log has it, and a path may hold what should not be printed."""
