"""A command in a pod, and answers that come line by line."""

import json
from collections.abc import Generator
from contextlib import closing
from typing import cast

import urllib3
from kubernetes import client, stream
from kubernetes.client.exceptions import ApiException
from websocket import WebSocketBadStatusException, WebSocketException

from tasks.kubernetes.cluster import Cluster, patiently, refusal, unreachable
from tasks.kubernetes.errors import ClusterError, CommandFailed, CutOff, NotOpened
from tasks.kubernetes.labels import CONTAINER


def execute(cluster: Cluster, pod: str, command: list[str], *, limit_seconds: float) -> str:
    """Run a command in a pod's container, and return what it wrote to stdout.

    Raises ClusterError when it cannot be run or does not end in time, CommandFailed when it fails,
    CutOff when nobody can tell.
    """
    return patiently(
        cluster,
        (NotOpened,),
        lambda: _execute(cluster, pod, command, limit_seconds),
    )


def _execute(cluster: Cluster, pod: str, command: list[str], limit_seconds: float) -> str:
    doing = f"running {command[0]} in pod {pod}"
    try:
        # a client of its own: the library changes the client while it opens a websocket with it
        with client.ApiClient(cluster.api.configuration) as api:
            session = stream.stream(
                client.CoreV1Api(api).connect_get_namespaced_pod_exec, pod, cluster.namespace,
                container=CONTAINER, command=command, stdout=True, stderr=True, stdin=False,
                tty=False, _preload_content=False,
            )  # fmt: skip
            try:
                session.run_forever(timeout=limit_seconds)
                ended = not session.is_open()
                output, complaint, status = (session.read_channel(n) for n in (1, 2, 3))
            finally:
                session.sock.shutdown()  # its close() does nothing once the other end has closed
    except ApiException as error:  # what the library has caught is in its context
        raise _not_opened(cluster, f"{doing} (pods/exec)", error.__context__ or error) from error
    except (WebSocketException, OSError) as error:
        raise CutOff(f"{doing}: the connection broke: {error}") from error
    if not ended:
        raise ClusterError(f"{doing}: it did not end within {limit_seconds:.0f} s")
    if not status:
        raise CutOff(f"{doing}: its connection ended before it did")
    answer = json.loads(status)
    if answer.get("status") == "Success":
        return str(output)
    said = complaint.strip()[:300]
    if answer.get("reason") == "NonZeroExitCode":
        number = int(answer["details"]["causes"][0]["message"])
        raise CommandFailed(f"{doing}: exit status {number}: {said}".rstrip(), number)
    raise ClusterError(f"{doing}: {answer.get('message') or 'no message'} {said}".rstrip())


def _not_opened(cluster: Cluster, doing: str, why: BaseException) -> BaseException:
    if isinstance(why, WebSocketBadStatusException):
        return refusal(cluster, doing, why.status_code, why.resp_body or b"")
    return NotOpened(str(unreachable(cluster, doing, why))) if isinstance(why, Exception) else why


def whole_lines(response: urllib3.BaseHTTPResponse, *, unended: bool = False) -> Generator[str]:
    """Whole lines of a streamed answer; a lost connection ends them and drops half a line.

    With `unended`, what follows the last newline of an answer that ended in order is one as well.

    Whoever leaves them early closes them: an interrupt that meets Python's own closing of an
    abandoned generator is lost.
    """
    rest = b""
    chunks = cast("Generator[bytes]", response.stream(None, decode_content=True))
    try:
        with closing(chunks):
            for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
        if rest and unended:
            yield rest.decode(errors="replace")
    except urllib3.exceptions.HTTPError:
        return
    finally:
        response.close()
