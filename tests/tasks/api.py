"""An API server that gives the answers that a test wrote down, in a thread of the test."""

import json
import socket
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.objects import Obj


class Answer(NamedTuple):
    """One answer. `cut` closes the connection before the body's end; status 0 before any byte.

    The lines of a log get the times that they are asked for, unless they are `stamped` already.
    """

    body: bytes
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - of a tuple, never changed
    cut: bool = False
    stamped: bool = False

    @staticmethod
    def of(content: Obj | str, **more: Any) -> "Answer":
        text = content if isinstance(content, str) else json.dumps(content)
        return Answer(text.encode(), **more)

    def with_times(self) -> "Answer":
        """A millisecond between two lines."""
        if self.stamped or self.status != 200:
            return self
        lines = self.body.splitlines(keepends=True)
        times = (b"2026-11-24T03:15:00.%03d000001Z %s" % numbered for numbered in enumerate(lines))
        return self._replace(body=b"".join(times))

    @staticmethod
    def items(items: list[Obj], version: str = "1") -> "Answer":
        return Answer.of({"items": items, "metadata": {"resourceVersion": version}})

    @staticmethod
    def refusal(status: int, reason: str, message: str = "", **headers: str) -> "Answer":
        content = {"kind": "Status", "reason": reason, "message": message}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer.of(content, status=status, headers=named)

    @staticmethod
    def changes(*events: tuple[str, Obj], cut: bool = False) -> "Answer":
        """A watch that says these and ends."""
        lines = [json.dumps({"type": kind, "object": item}) + "\n" for kind, item in events]
        return Answer("".join(lines).encode(), cut=cut)


LOST = Answer(b"", status=0)


class Request(NamedTuple):
    """What the server was asked; the method of a watch is WATCH."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    content_type: str


class Api:
    """The scripted server: `script` says what it answers, `requests` what it was asked.

    Commands in pods are no requests here: `orders` has what was written to pods that wait.

    Answers of one method and path are given in order, the last one again and again. A watch that
    is not scripted ends without a change.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        self.requests: list[Request] = []
        self.orders: list[str] = []
        self.cluster: Cluster
        self.url = ""

    def script(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] += answers

    def next(self, request: Request) -> Answer:
        self.requests.append(request)
        left = self.answers[request.method, request.path]
        if not left and request.method == "WATCH":
            return Answer.changes()
        if not left:
            return Answer.refusal(404, "NotScripted", f"{request.method} {request.path}")
        answer = left.pop(0) if len(left) > 1 else left[0]
        return answer.with_times() if "timestamps" in request.query else answer

    def asked(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]


@contextmanager
def serving() -> Iterator[Api]:
    """A server on a free port of 127.0.0.1; `url` is its address."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

        def answer(self) -> None:
            url = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            query = dict(parse_qsl(url.query))
            request = Request(
                "WATCH" if "watch" in query else self.command,
                url.path,
                query,
                json.loads(content) if content else None,
                self.headers.get("Content-Type", ""),
            )
            self.send(api.next(request))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def send(self, answer: Answer) -> None:
            if answer.status:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                if answer.body:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(answer.body), answer.body))
            if answer.cut or not answer.status:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client may leave a stream before its end."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        api.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
