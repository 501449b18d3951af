"""Faults, set by tests: the Nth matching call is answered wrongly, or a kubelet loses writes.

{"verb": "create", "resource": "pods", "nth": 2, "times": 1, "answer": 503}
{"verb": "create", "resource": "pods", "answer": 403, "message": "denied request"}
{"kubelet": "lose-last-second"}
"""

import asyncio
from dataclasses import asdict, dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from embedded.store import errors
from embedded.store.errors import ApiError, answer_error
from tests.embedded.faulty import losses
from tests.embedded.faulty.losses import Losses

ANSWERS = (403, 429, 500, 503, "drop-watch", "stall", "close", "gone")


@dataclass
class Fault:
    """Which calls it is for (verb as RBAC has it, plural), which of them, and what to answer.

    It is for dry runs or for all the others.
    """

    verb: str
    resource: str
    answer: int | str
    nth: int = 1
    times: int = 1
    retry_after_seconds: int | None = None
    message: str = ""
    dry_run: bool = False
    seen: int = 0
    fired: int = 0

    def fires(self, verb: str, resource: str, *, dry_run: bool) -> bool:
        """Count a call; whether this one is to be answered wrongly."""
        if (verb, resource, dry_run) != (self.verb, self.resource, self.dry_run):
            return False
        self.seen += 1
        if not self.nth <= self.seen < self.nth + self.times:
            return False
        self.fired += 1
        return True


async def endpoint(request: Request) -> Response:
    """POST sets a fault, DELETE clears all, GET lists them with how often each has fired."""
    faults: list[Fault] = request.app.state.faults
    lost: Losses = request.app.state.losses
    if request.method == "DELETE":
        faults.clear()
        lost.stop()
    body = await request.json() if request.method == "POST" else None
    if body == {"kubelet": losses.NAME}:
        lost.start()
    elif body is not None:
        if body.get("answer") not in ANSWERS:
            raise errors.bad_request(f"answer is {body.get('answer')!r}, not one of {ANSWERS}")
        try:
            faults.append(Fault(**body))
        except TypeError as error:
            raise errors.bad_request(f"not a fault: {error}") from error
    return JSONResponse([asdict(fault) for fault in faults] + lost.listed())


def call_of(path: str, method: str, query: str) -> tuple[str, str, str, str]:
    """Verb, plural (with subresource), group and namespace of a call, as RBAC names them."""
    parts = path.strip("/").split("/")
    group = parts[1] if parts[0] == "apis" and len(parts) > 1 else ""
    rest = parts[3 if group else 2 :]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    plural = "/".join(rest[::2])
    single = len(rest) > 1
    verbs = {
        "GET": "get" if single else "watch" if "watch=" in query else "list",
        "POST": "create",
        "PUT": "update",
        "PATCH": "patch",
        "DELETE": "delete" if single else "deletecollection",
    }
    return verbs.get(method, method.lower()), plural, group, namespace


class FaultMiddleware:
    """Answers the calls that a fault is set for, and /embedded/faults; passes on all others.

    It stands outside the application, to have uvicorn's own `send` in its hands.
    """

    def __init__(self, app: ASGIApp, losses: Losses) -> None:
        self.app = app
        self.faults: list[Fault] = []
        route = Route("/embedded/faults", endpoint, methods=["GET", "POST", "DELETE"])
        self.setting = Starlette(routes=[route], exception_handlers={ApiError: answer_error})
        self.setting.state.faults = self.faults
        self.setting.state.losses = losses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] == "/embedded/faults":
            await self.setting(scope, receive, send)
            return
        if scope["type"] != "http" or not scope["path"].startswith(("/api/", "/apis/")):
            await self.app(scope, receive, send)
            return
        query = scope["query_string"].decode()
        call, dry_run = call_of(scope["path"], scope["method"], query), "dryRun=" in query
        fault = next((f for f in self.faults if f.fires(*call[:2], dry_run=dry_run)), None)
        if fault is None:
            await self.app(scope, receive, send)
        elif fault.answer == "stall":
            await until_disconnected(receive)
        elif fault.answer == "close":
            close(send)
        elif fault.answer == "drop-watch":
            await self.app(scope, receive, Dropping(send))
        else:
            answer = refusal(fault, *call)
            await (await errors.answer_error(Request(scope), answer))(scope, receive, send)


def refusal(fault: Fault, verb: str, plural: str, group: str, namespace: str) -> ApiError:
    """The error that an API server in trouble, or with less rights, would answer."""
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    subject = f'User "embedded" cannot {verb} resource "{plural}" in API group "{group}"{where}'
    messages = {
        403: ("Forbidden", f"{plural}{'.' + group if group else ''} is forbidden: {subject}"),
        429: ("TooManyRequests", "Too many requests, please try again later."),
        500: ("InternalError", "Internal error occurred: fault"),
        503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
        "gone": ("Expired", "The provided continue parameter or resource version is too old"),
    }
    reason, message = messages[fault.answer]
    message = fault.message or message
    code = 410 if fault.answer == "gone" else int(fault.answer)
    details = {"kind": plural, **({"group": group} if group else {})}
    return ApiError(code, reason, message, details, fault.retry_after_seconds)


async def until_disconnected(receive: Receive) -> None:
    """Answer nothing until the client gives up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def close(send: Send) -> None:
    """Close the connection without an answer; ASGI has no word for it, so this is uvicorn's."""
    send.__self__.transport.abort()  # type: ignore[attr-defined]


class Dropping:
    """Sends the start of a watch, then closes the connection with the first event."""

    def __init__(self, send: Send) -> None:
        self.send = send

    async def __call__(self, message: Message) -> None:
        """ASGI: the start passes, the first part of the body does not."""
        if message["type"] == "http.response.start":
            await self.send(message)
            return
        close(self.send)
        raise asyncio.CancelledError
