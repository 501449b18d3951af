"""pods/exec: a command in a running container, its streams as channels of a websocket.

The protocols are those of k8s.io/apimachinery pkg/util/remotecommand: the first byte of a
message is its channel, 0 to 2 for the standard streams and 3 for the final Status. In v5 the
client closes its stdin by a message of 255 and the channel.
"""

import asyncio
import json

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from embedded.node.containers import CHUNK, Container, Execution, StartError
from embedded.server.pods import POD, container_name, pod_of, worker_of
from embedded.store import errors
from embedded.store.objects import Object, name_of

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
KILLED = 137


async def without_websocket(request: Request) -> Response:
    """Any other request to pods/exec, e.g. for SPDY, which kubectl asks for when refused."""
    target(request)
    raise errors.bad_request("Upgrade request required: only websockets are served here")


async def execute(websocket: WebSocket) -> None:
    """Run the command that the query names; refusals come before the handshake is answered."""
    pod, name = target(websocket)
    protocol = next((p for p in PROTOCOLS if p in websocket.scope["subprotocols"]), None)
    if protocol is None:
        raise errors.bad_request(f"unable to upgrade: only {' and '.join(PROTOCOLS)} are spoken")
    worker = worker_of(websocket, pod)
    container = worker.running.get(name) if worker else None
    if container is None:  # as a kubelet of 1.37 says it, which has the websocket handed on to it
        refusal = PlainTextResponse(f'container not found ("{name}")', 500)
        await websocket.send_denial_response(refusal)
        return
    await websocket.accept(protocol)
    try:
        status = await run(websocket, container)
        await websocket.send_bytes(bytes([STATUS]) + json.dumps(status).encode())
        await websocket.close()
    except WebSocketDisconnect:
        return  # the client is gone; a command that it left goes on, as in Kubernetes


def target(request: HTTPConnection) -> tuple[Object, str]:
    """The pod, and the name of its container, that a command is for; ApiError if there is none."""
    pod = pod_of(request)
    name = container_name(request, pod)
    if "nodeName" not in pod["spec"]:
        raise errors.bad_request(f"pod {name_of(pod)} does not have a host assigned")
    if request.query_params.get("tty") == "true":
        raise errors.not_implemented("exec with a terminal (tty)")
    return pod, name


async def run(websocket: WebSocket, container: Container) -> Object:
    """Run the command to its end; the Status that says how it ended."""
    try:
        execution = await container.execute(websocket.query_params.getlist("command"))
    except StartError as error:
        return internal_error(
            "Internal error occurred: error executing command in container: failed to exec in "
            f"container: OCI runtime exec failed: exec failed: {error}"
        )
    feeding = asyncio.create_task(feed(websocket, execution))
    try:
        await asyncio.gather(
            forward(websocket, STDOUT, execution.stdout),
            forward(websocket, STDERR, execution.stderr),
        )
        return exit_status(int(await execution.code.read() or KILLED))
    finally:
        feeding.cancel()
        execution.stdin.close()


async def feed(websocket: WebSocket, execution: Execution) -> None:
    """Give the command what the client sends, until that ends."""
    if websocket.query_params.get("stdin") != "true":
        execution.stdin.close()
    while (message := await websocket.receive())["type"] == "websocket.receive":
        data = message.get("bytes") or str(message.get("text") or "").encode()
        if data[:1] == bytes([STDIN]):
            execution.stdin.write(data[1:])
        elif data == bytes([CLOSE, STDIN]):
            execution.stdin.close()
    execution.stdin.close()


async def forward(websocket: WebSocket, channel: int, stream: asyncio.StreamReader) -> None:
    """Send what the command writes."""
    while data := await stream.read(CHUNK):
        await websocket.send_bytes(bytes([channel]) + data)


def exit_status(code: int) -> Object:
    """The Status of a command that ended with an exit code."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    message = f"command terminated with exit code {code}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {message}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def internal_error(message: str) -> Object:
    """The Status of a command that could not be run."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {message}",
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    }


ROUTES = [
    WebSocketRoute(f"{POD}/exec", execute),
    Route(f"{POD}/exec", without_websocket, methods=["GET", "POST"]),
]
