"""Servers on loopback that keep what they are sent: an SMTP server and an HTTP server."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Posts(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.received.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 sink")
        while line := self.rfile.readline():
            word = line.split(None, 1)[0].upper() if line.strip() else b""
            if word == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[attr-defined]
            self._say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def http_sink() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Run an HTTP server; yields its address and the list of (path, JSON) that it was sent."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Posts) as server, _running(server):
        yield f"http://127.0.0.1:{server.server_address[1]}", server.received  # type: ignore[attr-defined]


@contextmanager
def mail_sink() -> Iterator[tuple[str, list[EmailMessage]]]:
    """Run an SMTP server without TLS; yields its address as an Airflow connection and the list of its messages."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail) as server, _running(server):
        address = f"smtp://127.0.0.1:{server.server_address[1]}?disable_ssl=true&disable_tls=true"
        yield address, server.received  # type: ignore[attr-defined]


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    server.received = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
