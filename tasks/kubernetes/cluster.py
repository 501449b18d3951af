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
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from tasks.kubernetes.errors import (
    AWAY,
    REFUSALS,
    ClusterError,
    ServerFailed,
    Unreachable,
    refused_by,
)
from tasks.kubernetes.objects import KINDS, Obj

T = TypeVar("T")

# 0.2, 0.4, … 3.2 s between tries: about 6 s before an error is an error. Or what Retry-After says,
# which a proxy may say of an hour.
RETRIES = urllib3.Retry(
    total=6,
    backoff_factor=0.1,
    status_forcelist=[429, 500, 502, 503, 504],
    allowed_methods=None,
    respect_retry_after_header=True,
    retry_after_max=10,
    raise_on_status=False,
)

# The failover of a control plane takes 10 to 60 s; so long does a run outlive it.
OUTAGE_SECONDS = 90.0

REQUEST_SECONDS = 30.0

CONNECTIONS = 64  # storms hold a watch and a log open for each volume

OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

PAUSE_SECONDS = 0.2  # before what has ended or failed is begun again, if a server ends each at once


class Cluster(NamedTuple):
    """A connection to one cluster, and the namespace that a run works in.

    `patience_seconds` is how long each call outlives a server that is away, unless `stop` is set.
    With `dry_run` the server judges what would change something, and changes nothing.
    """

    api: client.ApiClient
    name: str
    namespace: str
    context: str | None = None
    patience_seconds: float = 0.0
    stop: threading.Event | None = None
    dry_run: bool = False

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
    return f"{chosen}--namespace {namespace}" if namespace else chosen.strip()


def connect(context: str | None, namespace: str) -> Cluster:
    """Connect by $KUBECONFIG or ~/.kube/config, or, in a pod without one, by its service account.

    An empty namespace is the context's own, or the pod's, as for kubectl: else `default`.

    Raises Unreachable when there is no usable configuration; nothing is sent yet.
    """
    settings = client.Configuration()
    settings.retries = RETRIES
    settings.connection_pool_maxsize = CONNECTIONS
    file = os.environ.get("KUBECONFIG") or config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION
    try:
        if context is None and "KUBERNETES_SERVICE_HOST" in os.environ and not _exists(file):
            config.load_incluster_config(client_configuration=settings)
            return Cluster(_client(settings), "in-cluster", namespace or _of_pod())
        config.load_kube_config(file, context, client_configuration=settings)
        contexts, current = config.list_kube_config_contexts(file)
    except (config.ConfigException, OSError, TypeError, yaml.YAMLError) as error:
        raise Unreachable(
            f"cannot connect to a cluster with kubeconfig {file}"
            f"{f' and context {context!r}' if context else ''}: {error}. "
            f"Set KUBECONFIG, or name one of its contexts with --context: {_contexts(file)}."
        ) from error
    chosen = next((c for c in contexts if c["name"] == context), current)
    entry = chosen["context"]
    own = namespace or entry.get("namespace") or "default"
    return Cluster(_client(settings), entry["cluster"], own, context)


def _client(settings: client.Configuration) -> client.ApiClient:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", urllib3.exceptions.DependencyWarning)  # said below
            return client.ApiClient(settings)
    except (urllib3.exceptions.HTTPError, ImportError) as error:  # SOCKS is a module of its own
        raise Unreachable(
            f"cannot connect to the cluster at {settings.host} by its kubeconfig's proxy-url "
            f"{settings.proxy}: {error}. Only proxies at http:// and https:// are spoken to: name "
            "one, or leave proxy-url out and forward a port"
        ) from error


def _of_pod() -> str:
    """The namespace of the pod that this runs in."""
    try:
        return OWN_NAMESPACE.read_text().strip()
    except OSError:  # its token is mounted by hand
        return "default"


def _contexts(file: str) -> str:
    try:
        return ", ".join(context["name"] for context in config.list_kube_config_contexts(file)[0])
    except (config.ConfigException, OSError, TypeError, yaml.YAMLError):
        return "it has none that can be read"


def _exists(paths: str) -> bool:
    return any(os.path.exists(os.path.expanduser(p)) for p in paths.split(os.pathsep))  # noqa: PTH110, PTH111


def path_of(cluster: Cluster, kind: str, name: str | None = None, subresource: str = "") -> str:
    """The path of a kind's objects, of one of them, or of its subresource."""
    group, plural, namespaced = KINDS[kind]
    scope = f"/namespaces/{cluster.namespace}" if namespaced else ""
    ending = (f"/{name}" if name else "") + (f"/{subresource}" if subresource else "")
    return f"/{group}{scope}/{plural}{ending}"


def request(
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
    if cluster.dry_run and method != "GET":
        query = {**(query or {}), "dryRun": "All"}
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
            raise unreachable(cluster, doing, error) from error
        if response.status >= 400:
            raise refusal(cluster, doing, response.status, response.data)
        return response

    return patiently(cluster, outlive, send)


def patiently(cluster: Cluster, outlive: tuple[type[ClusterError], ...], ask: Callable[[], T]) -> T:
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


def object_of(response: urllib3.BaseHTTPResponse, doing: str, *fields: str) -> Obj:
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


def unreachable(cluster: Cluster, doing: str, error: Exception) -> Unreachable:
    """The error for a call that no API server answered."""
    return Unreachable(
        f"{doing}: cluster {cluster.name!r} at {cluster.api.configuration.host} does not answer "
        f"({error}). Check that it runs and that the context is the right one."
    )


def refusal(cluster: Cluster, doing: str, status: int, content: bytes) -> ClusterError:
    """The error for an answer that is one: which of errors.py, in the server's words."""
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
    message = answer.get("message") or "no message"
    if status == 429:  # which PodDisruptionBudget
        causes = (answer.get("details") or {}).get("causes") or []
        message = " ".join([message, *(cause["message"] for cause in causes if "message" in cause)])
    by_words = refused_by(status, str(message))
    kind, advice = by_words or REFUSALS.get(answer.get("reason")) or REFUSALS.get(status, other)
    return kind(f"{doing}: {message} (HTTP {status}). {advice}")
