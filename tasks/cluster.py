"""The only module that talks to Kubernetes.

Objects are dicts, as the API sends them. A call that meets 429, 5xx or a lost connection is tried
again with backoff, honouring `Retry-After`: for a few seconds, and by a run that is under way for
as long as a control plane takes to fail over. Waits are watches with a deadline.
"""

import json
import os
import shlex
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import client, config, stream
from kubernetes.client.exceptions import ApiException
from websocket import WebSocketBadStatusException, WebSocketException

Obj = dict[str, Any]
Items = dict[str, Obj]
T = TypeVar("T")

# kind → (path of its API group, plural, namespaced)
KINDS = {
    "APIService": ("apis/apiregistration.k8s.io/v1", "apiservices", False),
    "CSIDriver": ("apis/storage.k8s.io/v1", "csidrivers", False),
    "CSIStorageCapacity": ("apis/storage.k8s.io/v1", "csistoragecapacities", True),
    "ConfigMap": ("api/v1", "configmaps", True),
    "Deployment": ("apis/apps/v1", "deployments", True),
    "Event": ("api/v1", "events", True),
    "Job": ("apis/batch/v1", "jobs", True),
    "LimitRange": ("api/v1", "limitranges", True),
    "Lease": ("apis/coordination.k8s.io/v1", "leases", True),
    "Namespace": ("api/v1", "namespaces", False),
    "Node": ("api/v1", "nodes", False),
    "PersistentVolume": ("api/v1", "persistentvolumes", False),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims", True),
    "Pod": ("api/v1", "pods", True),
    "ResourceQuota": ("api/v1", "resourcequotas", True),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses", False),
    "VolumeSnapshotClass": ("apis/snapshot.storage.k8s.io/v1", "volumesnapshotclasses", False),
}

# 0.2, 0.4, … 3.2 s between tries, or what Retry-After says: about 6 s before an error is an error.
RETRIES = urllib3.Retry(
    total=6,
    backoff_factor=0.1,
    status_forcelist=[429, 500, 502, 503, 504],
    allowed_methods=None,
    respect_retry_after_header=True,
    raise_on_status=False,
)
# The failover of a control plane takes 10 to 60 s; so long does a run outlive it.
OUTAGE_SECONDS = 90.0
REQUEST_SECONDS = 30.0
CONNECTIONS = 64  # storms hold a watch and a log open for each volume
SLICE_SECONDS = 5.0  # how long a watch that can be stopped goes on before it looks whether it is
PAUSE_SECONDS = 0.2  # before what has ended or failed is begun again, if a server ends each at once
WATCH_SECONDS = 60  # a silent watch is renewed, so that a half-open connection cannot hang a run


class ClusterError(Exception):
    """A call to Kubernetes that failed: the message says which, on what, and what to do."""


class Unreachable(ClusterError):
    """No API server answers, or the kubeconfig cannot be used."""


class Forbidden(ClusterError):
    """RBAC refuses a verb on a resource."""


class NotFound(ClusterError):
    """The object does not exist."""


class AlreadyExists(ClusterError):
    """An object of that kind and name exists already."""


class Conflict(ClusterError):
    """The object has changed since it was read."""


class Blocked(ClusterError):
    """The server goes on to answer 429: as to an eviction that a PodDisruptionBudget forbids."""


class ServerFailed(ClusterError):
    """The server answers 5xx: it is in trouble, or what it asks for an answer is."""


class WaitTimedOut(ClusterError):
    """What was waited for did not happen within its limit. `items` is what was seen last."""

    def __init__(self, message: str, items: Items) -> None:
        super().__init__(message)
        self.items = items


class Gone(ClusterError):
    """The server no longer has the version that a watch was to start from: list again."""


class CutOff(ClusterError):
    """The connection to a command in a pod ended before it did: it may have been carried out."""


class CommandFailed(ClusterError):
    """A command in a pod exited with another status than 0."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


# What a reason or else an HTTP status means, and what to do about it.
REFUSALS: dict[int | str | None, tuple[type[ClusterError], str]] = {
    "AlreadyExists": (AlreadyExists, "Remove it, if it is nobody's, or name another namespace."),
    401: (Forbidden, "The credentials of the kubeconfig are not accepted."),
    403: (Forbidden, "Grant that verb on that resource, or ask who can."),
    404: (NotFound, "Somebody may have deleted it, or context or namespace are others."),
    409: (Conflict, "Somebody else changed it at the same time: try again."),
    410: (Gone, "Read it anew."),
    429: (Blocked, "The server is busy, or a PodDisruptionBudget forbids it: try again later."),
}
# What passes once the control plane is back.
AWAY = (Unreachable, ServerFailed, Blocked)


class Cluster(NamedTuple):
    """A connection to one cluster, and the namespace that a run works in.

    `patience_seconds` is how long each call outlives a server that is away, unless `stop` is set.
    """

    api: client.ApiClient
    name: str
    namespace: str
    context: str | None = None
    patience_seconds: float = 0.0
    stop: threading.Event | None = None

    @property
    def options(self) -> str:
        """The options that lead stormark's commands to this namespace."""
        return options(self.context, self.namespace)

    @property
    def patient(self) -> "Cluster":
        """The same for a run that is under way: its calls outlive a failover."""
        return self._replace(patience_seconds=OUTAGE_SECONDS)

    @property
    def hasty(self) -> "Cluster":
        """The same for what is timed, or asked by somebody who waits: an error is one soon."""
        return self._replace(patience_seconds=0.0)


def options(context: str | None, namespace: str) -> str:
    """The options that lead stormark's commands to a namespace, for advice."""
    chosen = f"--context {shlex.quote(context)} " if context else ""
    return f"{chosen}--namespace {namespace}"


def connect(context: str | None, namespace: str) -> Cluster:
    """Connect by $KUBECONFIG or ~/.kube/config, or, in a pod without one, by its service account.

    Raises Unreachable when there is no usable configuration; nothing is sent yet.
    """
    settings = client.Configuration()
    settings.retries = RETRIES
    settings.connection_pool_maxsize = CONNECTIONS
    file = os.environ.get("KUBECONFIG") or config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    try:
        if context is None and "KUBERNETES_SERVICE_HOST" in os.environ and not _exists(file):
            config.load_incluster_config(client_configuration=settings)
            return Cluster(client.ApiClient(settings), "in-cluster", namespace)
        config.load_kube_config(file, context, client_configuration=settings)
        contexts, current = config.list_kube_config_contexts(file)
    except (config.ConfigException, OSError, TypeError, yaml.YAMLError) as error:
        raise Unreachable(
            f"cannot connect to a cluster with kubeconfig {file}"
            f"{f' and context {context!r}' if context else ''}: {error}. "
            f"Set KUBECONFIG, or name one of its contexts with --context: {_contexts(file)}."
        ) from error
    chosen = next((c for c in contexts if c["name"] == context), current)
    return Cluster(client.ApiClient(settings), chosen["context"]["cluster"], namespace, context)


def _contexts(file: str) -> str:
    try:
        return ", ".join(context["name"] for context in config.list_kube_config_contexts(file)[0])
    except (config.ConfigException, OSError, TypeError, yaml.YAMLError):
        return "it has none that can be read"


def _exists(paths: str) -> bool:
    return any(os.path.exists(os.path.expanduser(p)) for p in paths.split(os.pathsep))  # noqa: PTH110, PTH111


# ---------------------------------------------------------------- one request


def _path(cluster: Cluster, kind: str, name: str | None = None, subresource: str = "") -> str:
    group, plural, namespaced = KINDS[kind]
    scope = f"/namespaces/{cluster.namespace}" if namespaced else ""
    ending = (f"/{name}" if name else "") + (f"/{subresource}" if subresource else "")
    return f"/{group}{scope}/{plural}{ending}"


def _request(
    cluster: Cluster,
    method: str,
    path: str,
    *,
    doing: str,
    body: Obj | None = None,
    query: Mapping[str, str] | None = None,
    content_type: str = "application/json",
    read_seconds: float = REQUEST_SECONDS,
    streamed: bool = False,
    outlive: tuple[type[ClusterError], ...] = AWAY,
) -> urllib3.BaseHTTPResponse:
    """Send one request; an error answer becomes a ClusterError that says what was being done.

    The answer's body is read, unless it is `streamed` to whoever asked.
    """
    headers = {"Accept": "application/json, */*"}
    if body is not None:
        headers["Content-Type"] = content_type
    parameters = cluster.api.param_serialize(
        method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
    )
    url, sent_headers, sent_body = parameters[1:4]
    if query:
        url += "?" + urlencode(query)

    def send() -> urllib3.BaseHTTPResponse:
        try:
            response: urllib3.BaseHTTPResponse = cluster.api.rest_client.request(
                method,
                url,
                headers=sent_headers,
                body=sent_body,
                _request_timeout=(10, read_seconds),
            ).response
            if not streamed or response.status >= 400:
                response.read(cache_content=True)
        except (urllib3.exceptions.HTTPError, ApiException) as error:
            raise _unreachable(cluster, doing, error) from error
        if response.status >= 400:
            raise _refusal(cluster, doing, response.status, response.data)
        return response

    return _patiently(cluster, outlive, send)


def _patiently(
    cluster: Cluster, outlive: tuple[type[ClusterError], ...], ask: Callable[[], T]
) -> T:
    """Ask again as long as the cluster's patience lasts, after each error that it outlives."""
    deadline = time.monotonic() + cluster.patience_seconds
    while True:
        try:
            return ask()
        except outlive:
            if time.monotonic() >= deadline:
                raise
            if cluster.stop is None:
                time.sleep(PAUSE_SECONDS)
            elif cluster.stop.wait(PAUSE_SECONDS):
                raise


def _object(response: urllib3.BaseHTTPResponse, doing: str, *fields: str) -> Obj:
    """The object that was answered; ClusterError where it is none, or lacks one of the fields."""
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict) or not set(fields) <= content.keys():
        said = response.data[:300].decode(errors="replace")
        raise ClusterError(
            f"{doing}: the answer is none of Kubernetes (HTTP {response.status}): {said!r}. "
            "Something else answers at that address: look at the kubeconfig's server, and at "
            "proxies before it"
        )
    return content


def _unreachable(cluster: Cluster, doing: str, error: Exception) -> Unreachable:
    return Unreachable(
        f"{doing}: cluster {cluster.name!r} at {cluster.api.configuration.host} does not answer "
        f"({error}). Check that it runs and that the context is the right one."
    )


def _refusal(cluster: Cluster, doing: str, status: int, content: bytes) -> ClusterError:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):  # a proxy's page, or its null
        answer = {"message": content[:300].decode(errors="replace")}
    failed = status >= 500
    fault = "See the log of its API server." if failed else "It takes no such request."
    advice = f"It is cluster {cluster.name!r} that says so. {fault}"
    other = ServerFailed if failed else ClusterError, advice
    kind, advice = REFUSALS.get(answer.get("reason")) or REFUSALS.get(status, other)
    return kind(f"{doing}: {answer.get('message') or 'no message'} (HTTP {status}). {advice}")


# ---------------------------------------------------------------- verbs


def version(cluster: Cluster) -> str:
    """The API server's gitVersion, such as v1.34.4."""
    doing = "reading the cluster's version"
    answer = _request(cluster, "GET", "/version", doing=doing)
    return str(_object(answer, doing, "gitVersion")["gitVersion"])


def groups(cluster: Cluster) -> list[str]:
    """The API groups that the cluster serves, such as storage.k8s.io."""
    doing = "reading the cluster's API groups"
    answer = _object(_request(cluster, "GET", "/apis", doing=doing), doing, "groups")
    return [str(group["name"]) for group in answer["groups"]]


def allowed(
    cluster: Cluster, verb: str, resource: str, group: str, *, everywhere: bool = False
) -> bool:
    """Whether this account may do that in the namespace, or everywhere: pods/log is a resource."""
    plural, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": subresource}
    if not everywhere:
        attributes["namespace"] = cluster.namespace
    if plural == "namespaces":
        attributes["name"] = cluster.namespace
    doing = f"asking whether {verb} of {resource} is allowed"
    answer = _request(
        cluster,
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        doing=doing,
        body={
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        },
    )
    return bool(_object(answer, doing, "status")["status"]["allowed"])


def round_trip_seconds(cluster: Cluster, times: int = 5) -> float:
    """The shortest of a few requests: how late, at least, an event is seen."""
    seconds = []
    for _ in range(times):
        began = time.monotonic()
        version(cluster)
        seconds.append(time.monotonic() - began)
    return min(seconds)


def create(cluster: Cluster, manifest: Obj) -> Obj:
    """Create an object; its `kind` says where. AlreadyExists if there is one by that name.

    A create whose answer was lost is sent again and then meets its own object: the labels tell that
    from somebody else's, and it counts as created.
    """
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    doing = f"creating {kind} {name}"
    try:
        answer = _request(cluster, "POST", _path(cluster, kind), doing=doing, body=manifest)
        return _object(answer, doing)
    except AlreadyExists:
        existing = get(cluster, kind, name)
        ours = manifest["metadata"].get("labels")
        theirs = existing["metadata"].get("labels") or {}
        if not ours or not ours.items() <= theirs.items():
            raise
        return existing


def get(cluster: Cluster, kind: str, name: str) -> Obj:
    """One object; NotFound if there is none."""
    doing = f"reading {kind} {name}"
    return _object(_request(cluster, "GET", _path(cluster, kind, name), doing=doing), doing)


def find(
    cluster: Cluster,
    kind: str,
    *,
    label: str = "",
    field: str = "",
    every_namespace: bool = False,
) -> list[Obj]:
    """All objects of a kind that match the label and field selectors."""
    return _list(cluster, kind, _selection(label, field), every_namespace=every_namespace)[0]


def _selection(label: str, field: str = "") -> dict[str, str]:
    return {k: v for k, v in (("labelSelector", label), ("fieldSelector", field)) if v}


def _list(
    cluster: Cluster, kind: str, selection: dict[str, str], *, every_namespace: bool = False
) -> tuple[list[Obj], str]:
    group, plural, _ = KINDS[kind]
    path = f"/{group}/{plural}" if every_namespace else _path(cluster, kind)
    doing = f"listing {plural}"
    answer = _request(cluster, "GET", path, doing=doing, query=selection)
    found = _object(answer, doing, "items", "metadata")
    return found["items"], found["metadata"]["resourceVersion"]


def replace(cluster: Cluster, manifest: Obj) -> Obj:
    """Update an object that was read before; Conflict if it has changed since."""
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    path, doing = _path(cluster, kind, name), f"updating {kind} {name}"
    return _object(_request(cluster, "PUT", path, doing=doing, body=manifest), doing)


def patch(cluster: Cluster, kind: str, name: str, change: Obj) -> Obj:
    """Apply a JSON merge patch."""
    doing = f"patching {kind} {name}"
    response = _request(
        cluster,
        "PATCH",
        _path(cluster, kind, name),
        doing=doing,
        body=change,
        content_type="application/merge-patch+json",
    )
    return _object(response, doing)


def delete(
    cluster: Cluster,
    kind: str,
    name: str,
    *,
    grace_seconds: int | None = None,
    unchanged: Obj | None = None,
) -> None:
    """Ask for an object's deletion, and in the background of all that it owns; gone is fine too.

    With `unchanged`, the object as it was read: Conflict if it, or its name's owner, is another.
    """
    options: Obj = {"propagationPolicy": "Background"}
    if unchanged is not None:
        meta = unchanged["metadata"]
        options["preconditions"] = {key: meta[key] for key in ("uid", "resourceVersion")}
    if grace_seconds is not None:
        options["gracePeriodSeconds"] = grace_seconds
    path = _path(cluster, kind, name)
    try:
        _request(cluster, "DELETE", path, doing=f"deleting {kind} {name}", body=options)
    except NotFound:
        return


def evict(cluster: Cluster, pod: str) -> None:
    """Evict a pod, budgets respected: Blocked by one that forbids it; gone is fine too.

    Two budgets on one pod are a 500, and so is no patience with it.
    """
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path, doing = _path(cluster, "Pod", pod, "eviction"), f"evicting pod {pod}"
    with suppress(NotFound):
        _request(cluster, "POST", path, doing=doing, body=eviction, outlive=(Unreachable,))


def execute(cluster: Cluster, pod: str, command: list[str], *, limit_seconds: float) -> str:
    """Run a command in a pod's container, and return what it wrote to stdout.

    Raises ClusterError when it cannot be run or does not end in time, CommandFailed when it fails,
    CutOff when nobody can tell.
    """
    return _patiently(
        cluster,
        (Unreachable,),  # nothing has begun
        lambda: _execute(cluster, pod, command, limit_seconds),
    )


def _execute(cluster: Cluster, pod: str, command: list[str], limit_seconds: float) -> str:
    doing = f"running {command[0]} in pod {pod}"
    try:
        # a client of its own: the library changes the client while it opens a websocket with it
        with client.ApiClient(cluster.api.configuration) as api:
            session = stream.stream(
                client.CoreV1Api(api).connect_get_namespaced_pod_exec, pod, cluster.namespace,
                command=command, stdout=True, stderr=True, stdin=False, tty=False,
                _preload_content=False,
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
        return _refusal(cluster, doing, why.status_code, why.resp_body or b"")
    return _unreachable(cluster, doing, why) if isinstance(why, Exception) else why


def log_lines(
    cluster: Cluster,
    pod: str,
    *,
    follow: bool,
    since: str | None = None,
    silence_seconds: float = REQUEST_SECONDS,
) -> Generator[str]:
    """The lines of a pod's log. With `follow` until its container ends, or the stream breaks.

    With `since`, a time as RFC 3339, only later lines, each with its time in front.

    A broken stream, or one that is silent for `silence_seconds`, only ends the iteration: the log
    is still there to be read again.
    """
    query = {"follow": "true"} if follow else {}
    if since is not None:
        query |= {"timestamps": "true", "sinceTime": since}
    response = _request(
        cluster,
        "GET",
        _path(cluster, "Pod", pod, "log"),
        doing=f"reading the log of pod {pod}",
        query=query,
        read_seconds=silence_seconds,
        streamed=True,
    )
    with closing(_lines(response)) as lines:
        yield from lines


def _lines(response: urllib3.BaseHTTPResponse) -> Generator[str]:
    """Whole lines of a streamed answer; a lost connection ends them and drops half a line.

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
        if rest:
            yield rest.decode(errors="replace")
    except urllib3.exceptions.HTTPError:
        return
    finally:
        response.close()


# ---------------------------------------------------------------- waiting


def wait(
    cluster: Cluster,
    kind: str,
    until: Callable[[Items], T | None],
    *,
    what: str,
    limit_seconds: float,
    name: str = "",
    label: str = "",
) -> T:
    """Watch the named or labelled objects until `until` returns something other than None.

    `until` is given all of them by name at the start and after each change; it ends the wait early
    by raising. A server that is away meanwhile ends it no more than a watch that breaks. Raises
    WaitTimedOut, with what was seen last, after `limit_seconds`.
    """
    deadline = time.monotonic() + limit_seconds
    selection = _selection(label, f"metadata.name={name}" if name else "")
    cluster, items = cluster.hasty, {}
    while True:
        why = ""
        try:
            objects, seen = _list(cluster, kind, selection)
            items = {o["metadata"]["name"]: o for o in objects}
            if (result := until(items)) is not None:
                return result
            with closing(_changes(cluster, kind, selection, seen, deadline)) as changes:
                for change in changes:
                    changed = change["object"]
                    items[changed["metadata"]["name"]] = changed
                    if change["type"] == "DELETED":
                        del items[changed["metadata"]["name"]]
                    if (result := until(items)) is not None:
                        return result
        except Gone:
            pass
        except AWAY as error:
            why = f": {error}"
        time.sleep(PAUSE_SECONDS)
        if time.monotonic() >= deadline:
            raise WaitTimedOut(f"{what} did not happen within {limit_seconds:.0f} s{why}", items)


def watch(
    cluster: Cluster, kind: str, *, label: str, stop: threading.Event
) -> Iterator[tuple[str, Obj]]:
    """Every object that matches, as ADDED, and then every change, until `stop` is set.

    A watch that breaks goes on where it broke; where the server has forgotten that version, or was
    away, what is there is ADDED again, and what has gone meanwhile is DELETED. Raises Forbidden.
    """
    known: Items = {}
    cluster, selection = cluster.hasty, _selection(label)
    while not stop.is_set():
        try:
            objects, seen = _list(cluster, kind, selection)
            present = {o["metadata"]["name"]: o for o in objects}
            yield from (("DELETED", known[name]) for name in known.keys() - present.keys())
            yield from (("ADDED", o) for o in objects)
            known = present
            while not stop.is_set():
                until = time.monotonic() + SLICE_SECONDS
                for change in _changes(cluster, kind, selection, seen, until):
                    changed = change["object"]
                    seen = changed["metadata"]["resourceVersion"]
                    known[changed["metadata"]["name"]] = changed
                    if change["type"] == "DELETED":
                        del known[changed["metadata"]["name"]]
                    yield change["type"], changed
                time.sleep(PAUSE_SECONDS)
        except Forbidden:
            raise
        except ClusterError:  # whoever waits for something has a limit of their own
            time.sleep(PAUSE_SECONDS)


def _changes(
    cluster: Cluster, kind: str, selection: dict[str, str], seen: str, deadline: float
) -> Generator[Obj]:
    """The changes after a resourceVersion, until the server or the deadline ends them.

    Raises Gone when the server no longer has that version.
    """
    left = max(1.0, min(WATCH_SECONDS, deadline - time.monotonic()))
    query = {"watch": "true", "resourceVersion": seen, "timeoutSeconds": str(int(left) or 1)}
    response = _request(
        cluster,
        "GET",
        _path(cluster, kind),
        doing=f"watching {KINDS[kind][1]}",
        query=query | selection,
        read_seconds=left + 5,
        streamed=True,
    )
    with closing(_lines(response)) as lines:
        for line in lines:
            change = json.loads(line)
            if change["type"] == "ERROR":
                raise Gone(str(change["object"].get("message")))
            yield change
