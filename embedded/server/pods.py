"""What only pods have: their logs, and their eviction."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from embedded.admission import admission
from embedded.node.containers import Log
from embedded.node.kubelet import Kubelet, PodWorker
from embedded.server.requests import is_true, store_of
from embedded.store import errors
from embedded.store.objects import (
    Object,
    is_finished,
    is_ready,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    uid_of,
)
from embedded.store.resources import BUDGETS, PODS
from embedded.store.selectors import selects
from embedded.store.store import Store


async def log(request: Request) -> Response:
    """GET the log of one of the pod's containers, to its end if followed."""
    pod = pod_of(request)
    container = container_name(request, pod)
    where = f'container "{container}" in pod "{name_of(pod)}"'
    worker = worker_of(request, pod)
    found = worker.logs[container] if worker else []
    previous = is_true(request, "previous")
    if previous and len(found) < 2:
        raise errors.bad_request(f"previous terminated {where} not found")
    if not found:
        reason = _waiting_reason(pod, container)
        raise errors.bad_request(f"{where} is waiting to start: {reason}")
    lines = log_lines(request, found[-2 if previous else -1])
    return StreamingResponse(lines, media_type="text/plain")


def pod_of(request: HTTPConnection) -> Object:
    """The pod that the path names; 404 when there is none."""
    return store_of(request).get(
        PODS, request.path_params["namespace"], request.path_params["name"]
    )


def container_name(request: HTTPConnection, pod: Object) -> str:
    """The container that a request is for; 400 when it is not clear or not there."""
    names = [container["name"] for container in pod["spec"]["containers"]]
    name = request.query_params.get("container") or (names[0] if len(names) == 1 else "")
    if not name:
        choices = f"choose one of: [{' '.join(names)}]"
        message = f"a container name must be specified for pod {name_of(pod)}, {choices}"
        raise errors.bad_request(message)
    if name not in names:
        raise errors.bad_request(f"container {name} is not valid for pod {name_of(pod)}")
    return name


def worker_of(request: HTTPConnection, pod: Object) -> PodWorker | None:
    """What runs the pod on its node, if it was given one."""
    kubelets: dict[str, Kubelet] = request.app.state.kubelets
    kubelet = kubelets.get(pod["spec"].get("nodeName", ""))
    return kubelet.workers.get(uid_of(pod)) if kubelet else None


def _waiting_reason(pod: Object, container: str) -> str:
    for status in pod["status"].get("containerStatuses", []):
        if status["name"] == container and "waiting" in status["state"]:
            return str(status["state"]["waiting"]["reason"])
    return "ContainerCreating"


def log_lines(request: Request, stored: Log) -> AsyncIterator[bytes]:
    """The lines that follow, timestamps, tailLines and sinceTime ask for; 400 if unreadable."""
    query = request.query_params
    try:
        since = datetime.fromisoformat(query["sinceTime"]) if "sinceTime" in query else None
        tail = int(query["tailLines"]) if "tailLines" in query else None
    except ValueError as error:
        raise errors.bad_request(f"invalid log options: {error}") from error
    skip = max(0, stored.count_lines() - tail) if tail is not None else 0

    async def lines() -> AsyncIterator[bytes]:
        left = skip
        async for line in stored.lines(is_true(request, "follow")):
            stamp, _, text = line.partition(b" ")
            moment = datetime.fromisoformat(stamp.decode())
            left -= 1
            if left < 0 and (since is None or moment + timedelta(microseconds=1) > since):
                yield line if is_true(request, "timestamps") else text

    return lines()


async def evict(request: Request) -> Response:
    """POST an Eviction: delete the pod, or 429 while a PodDisruptionBudget forbids it."""
    store, pod = store_of(request), pod_of(request)
    options = json.loads(await request.body() or b"{}").get("deleteOptions") or {}
    if options.get("dryRun"):
        raise errors.not_implemented("dryRun")
    if not is_terminating(pod) and not is_finished(pod):
        for budget in store.items(BUDGETS, namespace_of(pod)):
            if selects(budget["spec"].get("selector"), labels_of(pod)):
                check_budget(budget)
    admission.delete(store, PODS, pod, options.get("gracePeriodSeconds"))
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
    return JSONResponse(head | {"status": "Success", "code": 201}, 201)


def check_budget(budget: Object) -> None:
    """429 when the budget allows no disruption now."""
    status = budget["status"]
    if status.get("disruptionsAllowed", 0) > 0:
        return
    message = (
        f"The disruption budget {name_of(budget)} needs {status.get('desiredHealthy', 0)} healthy "
        f"pods and has {status.get('currentHealthy', 0)} currently"
    )
    cause = {"reason": "DisruptionBudget", "message": message}
    refusal = "Cannot evict pod as it would violate the pod's disruption budget."
    raise errors.ApiError(429, "TooManyRequests", refusal, {"causes": [cause]})


async def run_budgets(store: Store) -> None:
    """Keep the status of every PodDisruptionBudget, for ever."""
    with store.watch() as events:
        while True:
            if (await events.get()).resource in {PODS, BUDGETS}:
                for budget in store.items(BUDGETS):
                    report_budget(store, budget)


def report_budget(store: Store, budget: Object) -> None:
    """Count the pods a budget selects, and how many of them may go."""
    spec = budget["spec"]
    pods = [
        pod
        for pod in store.items(PODS, namespace_of(budget))
        if selects(spec.get("selector"), labels_of(pod))
        and not is_finished(pod)
        and not is_terminating(pod)
    ]
    healthy = sum(map(is_ready, pods))
    wanted = max(0, spec.get("minAvailable", len(pods) - spec.get("maxUnavailable", 1)))
    counts = {
        "currentHealthy": healthy,
        "desiredHealthy": wanted,
        "expectedPods": len(pods),
        "disruptionsAllowed": max(0, healthy - wanted),
        "observedGeneration": budget["metadata"]["generation"],
    }
    store.change(BUDGETS, budget, lambda new: new["status"].update(counts))


POD = "/api/v1/namespaces/{namespace}/pods/{name}"
ROUTES = [
    Route(f"{POD}/log", log),
    Route(f"{POD}/eviction", evict, methods=["POST"]),
]
