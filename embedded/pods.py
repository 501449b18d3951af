"""What only pods have: their logs, and their eviction."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from . import admission, errors
from .children import is_ready
from .containers import Log
from .kubelet import Kubelet, PodWorker
from .objects import (
    Object,
    is_finished,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    now,
    uid_of,
)
from .resources import BUDGETS, PODS
from .selectors import selects
from .store import Store


@dataclass(frozen=True)
class LogOptions:
    """The query parameters of pods/log."""

    follow: bool
    timestamps: bool
    tail: int | None
    since: datetime | None


async def log(request: Request) -> Response:
    """GET the log of one of the pod's containers, to its end if followed."""
    store: Store = request.app.state.store
    pod = store.get(PODS, request.path_params["namespace"], request.path_params["name"])
    container = container_name(request, pod)
    options = log_options(request)
    worker = worker_of(request, pod)
    previous = request.query_params.get("previous") == "true"
    found = worker.logs[container] if worker else []
    if previous and len(found) < 2:
        message = f'previous terminated container "{container}" in pod "{name_of(pod)}" not found'
        raise errors.bad_request(message)
    if not found:
        reason = _waiting_reason(pod, container)
        message = f'container "{container}" in pod "{name_of(pod)}" is waiting to start: {reason}'
        raise errors.bad_request(message)
    lines = log_lines(found[-2 if previous else -1], options)
    return StreamingResponse(lines, media_type="text/plain")


def container_name(request: HTTPConnection, pod: Object) -> str:
    """The container that a request is for; 400 when it is not clear or not there."""
    names = [container["name"] for container in pod["spec"]["containers"]]
    name = request.query_params.get("container") or (names[0] if len(names) == 1 else "")
    if not name:
        choices = f"[{' '.join(names)}]"
        raise errors.bad_request(
            f"a container name must be specified for pod {name_of(pod)}, choose one of: {choices}"
        )
    if name not in names:
        raise errors.bad_request(f"container {name} is not valid for pod {name_of(pod)}")
    return name


def log_options(request: Request) -> LogOptions:
    """The options of a log request; 400 for a time that cannot be read."""
    query = request.query_params
    since = None
    try:
        if "sinceTime" in query:
            since = datetime.fromisoformat(query["sinceTime"])
        elif "sinceSeconds" in query:
            since = datetime.fromisoformat(now(-int(query["sinceSeconds"])))
        tail = int(query["tailLines"]) if "tailLines" in query else None
    except ValueError as error:
        raise errors.bad_request(f"invalid log options: {error}") from error
    timestamps = query.get("timestamps") == "true"
    return LogOptions(query.get("follow") == "true", timestamps, tail, since)


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


async def log_lines(stored: Log, options: LogOptions) -> AsyncIterator[bytes]:
    """The lines that the options ask for."""
    skip = 0
    if options.tail is not None:
        with stored.path.open("rb") as file:
            skip = max(0, sum(1 for _ in file) - options.tail)
    async for line in stored.lines(options.follow):
        if skip:
            skip -= 1
            continue
        stamp, _, text = line.partition(b" ")
        moment = datetime.fromisoformat(stamp.decode())
        if options.since and moment + timedelta(microseconds=1) <= options.since:
            continue
        yield line if options.timestamps else text


async def evict(request: Request) -> Response:
    """POST an Eviction: delete the pod, or 429 while a PodDisruptionBudget forbids it."""
    store: Store = request.app.state.store
    pod = store.get(PODS, request.path_params["namespace"], request.path_params["name"])
    body = json.loads(await request.body() or b"{}")
    options = body.get("deleteOptions") or {}
    if options.get("dryRun"):
        raise errors.not_implemented("dryRun")
    if not is_terminating(pod) and not is_finished(pod):
        for budget in budgets_of(store, pod):
            check_budget(budget)
    admission.delete(store, PODS, pod, options.get("gracePeriodSeconds"))
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
    return JSONResponse(head | {"status": "Success", "code": 201}, 201)


def budgets_of(store: Store, pod: Object) -> list[Object]:
    """The budgets that select the pod."""
    budgets = store.items(BUDGETS, namespace_of(pod))
    return [b for b in budgets if selects(b["spec"].get("selector"), labels_of(pod))]


def check_budget(budget: Object) -> None:
    """429 when the budget allows no disruption now."""
    status = budget["status"]
    if status.get("disruptionsAllowed", 0) > 0:
        return
    name, wanted = name_of(budget), status.get("desiredHealthy", 0)
    healthy = status.get("currentHealthy", 0)
    message = (
        f"The disruption budget {name} needs {wanted} healthy pods and has {healthy} currently"
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
    pods = store.items(PODS, namespace_of(budget))
    pods = [p for p in pods if selects(spec.get("selector"), labels_of(p)) and not is_finished(p)]
    healthy = sum(is_ready(pod) and not is_terminating(pod) for pod in pods)
    expected = len([pod for pod in pods if not is_terminating(pod)])
    wanted = spec.get("minAvailable", expected - spec.get("maxUnavailable", 1))
    counts = {
        "currentHealthy": healthy,
        "desiredHealthy": max(0, wanted),
        "expectedPods": expected,
        "disruptionsAllowed": max(0, healthy - max(0, wanted)),
        "observedGeneration": budget["metadata"]["generation"],
    }
    store.change(BUDGETS, budget, lambda new: new["status"].update(counts))


POD = "/api/v1/namespaces/{namespace}/pods/{name}"
ROUTES = [
    Route(f"{POD}/log", log),
    Route(f"{POD}/eviction", evict, methods=["POST"]),
]
