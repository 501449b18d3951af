"""The API server's routes and their handlers."""

import json
from collections.abc import Callable
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from . import (
    admission,
    errors,
    faults,
    openapi,
    patch,
    pods,
    resources,
    tables,
    validation,
    watches,
)
from .errors import ApiError, answer_error
from .kubelet import Kubelet
from .objects import Object, name_of
from .resources import ACCESS_REVIEWS, DEPLOYMENTS, PODS, Resource
from .selectors import Matcher, field_matcher, label_matcher
from .store import Store

WATCH_SECONDS = 1800.0  # the least that --min-request-timeout gives a watch by default


def application(store: Store, kubelets: dict[str, Kubelet]) -> ASGIApp:
    """The API server over a store and the kubelets of its nodes."""
    app = Starlette(
        routes=ROUTES,
        exception_handlers={ApiError: answer_error},
    )
    app.state.store = store
    app.state.kubelets = kubelets
    app.state.faults = []
    return faults.FaultMiddleware(app, app.state.faults)


def discovered(document: Callable[[], Object]) -> Callable[[Request], Any]:
    """A handler that answers a document which never changes."""

    async def answer(request: Request) -> Response:
        del request
        return JSONResponse(document())

    return answer


async def core_versions(request: Request) -> Response:
    """GET /api."""
    return JSONResponse(
        {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [
                {"clientCIDR": "0.0.0.0/0", "serverAddress": request.url.netloc}
            ],
        }
    )


async def group_resources(request: Request) -> Response:
    """GET /api/v1 and /apis/<group>/v1."""
    group = request.path_params.get("group", "")
    if group and group not in resources.groups():
        return PlainTextResponse("404 page not found\n", 404)
    return JSONResponse(resources.resource_list(group))


async def healthy(request: Request) -> Response:
    """GET /readyz, /livez and /healthz."""
    del request
    return PlainTextResponse("ok")


async def collection(request: Request) -> Response:
    """List, watch, create and delete objects of a resource."""
    resource = resource_of(request)
    if request.method == "POST":
        return await create(request, resource)
    namespace = request.path_params.get("namespace", "")
    matches = matcher(request, resource)
    if request.method == "GET" and is_true(request, "watch"):
        return watch(request, resource, namespace, matches)
    store: Store = request.app.state.store
    found = [obj for obj in store.items(resource, namespace) if matches(obj)]
    if request.method == "DELETE":
        grace, propagation = await delete_options(request)
        for obj in found:
            admission.delete(store, resource, obj, grace, propagation)
    metadata = {"resourceVersion": str(store.version)}
    if tables.wanted(request):
        return JSONResponse(tables.table(resource, found, metadata))
    # Within a list the items' kind and version are left out, as in Kubernetes.
    items = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in found]
    kind = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version}
    return JSONResponse({**kind, "metadata": metadata, "items": items})


def resource_of(request: Request) -> Resource:
    """The resource that the path names; 404 when it is not served there."""
    parts = request.path_params
    resource = resources.BY_PATH.get((parts.get("group", ""), "v1", parts["plural"]))
    if resource is None or ("namespace" in parts and not resource.namespaced):
        raise errors.unknown_path()
    return resource


def matcher(request: Request, resource: Resource) -> Matcher:
    """Whether an object is selected by labelSelector and fieldSelector."""
    labels = label_matcher(request.query_params.get("labelSelector", ""))
    fields = field_matcher(request.query_params.get("fieldSelector", ""), resource.kind)
    return lambda obj: labels(obj) and fields(obj)


def is_true(request: Request, parameter: str) -> bool:
    """Whether a boolean query parameter is set."""
    return request.query_params.get(parameter, "").lower() in {"1", "true"}


def watch(request: Request, resource: Resource, namespace: str, matches: Matcher) -> Response:
    """The stream of changes after resourceVersion; without one, of what there is first."""
    since = request.query_params.get("resourceVersion", "0") or "0"
    if not since.isdigit():
        raise errors.bad_request(f'Invalid value: "{since}": resourceVersion must be a number')
    initial = is_true(request, "sendInitialEvents")
    lines = watches.stream(
        request.app.state.store,
        resource,
        namespace,
        matches,
        since=None if since == "0" or initial else int(since),
        bookmarks=is_true(request, "allowWatchBookmarks"),
        initial=initial,
        timeout_seconds=float(request.query_params.get("timeoutSeconds") or WATCH_SECONDS),
        render=tables.row_event if tables.wanted(request) else None,
    )
    return StreamingResponse(lines, media_type="application/json")


async def create(request: Request, resource: Resource) -> Response:
    """POST an object to a collection."""
    refuse_dry_run(request)
    body = validation.check_type(resource, await read_body(request, resource))
    if resource is ACCESS_REVIEWS:  # there are no users here: everything is allowed
        return JSONResponse(body | {"status": {"allowed": True}}, 201)
    set_namespace(request, resource, body)
    created = admission.create(request.app.state.store, resource, body)
    return JSONResponse(created, 201)


def set_namespace(request: Request, resource: Resource, body: Object) -> None:
    """The namespace is the path's; 400 when the body says another."""
    namespace = request.path_params.get("namespace")
    given = body["metadata"].get("namespace")
    if resource.namespaced and namespace is None:
        raise errors.unknown_path()
    if given and given != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if namespace:
        body["metadata"]["namespace"] = namespace


def refuse_dry_run(request: Request) -> None:
    """501 rather than a write that was not asked for."""
    if request.query_params.get("dryRun"):
        raise errors.not_implemented("dryRun")


async def read_body(request: Request, resource: Resource) -> object:
    """The body, as JSON or YAML; 400 when it cannot be parsed, 415 for protobuf."""
    body = await request.body()
    content_type = request.headers.get("content-type", "")
    if "protobuf" in content_type:
        raise errors.ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    try:
        return yaml.safe_load(body) if "yaml" in content_type else json.loads(body)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): couldn't "
            f"get version/kind; json parse error: {error} ({body[:100].decode(errors='replace')})"
        ) from error


async def item(request: Request) -> Response:
    """Get, replace, patch and delete one object."""
    resource = resource_of(request)
    if request.method in {"PUT", "PATCH"}:
        return await write(request, resource, status=False)
    store: Store = request.app.state.store
    obj = store.get(resource, request.path_params.get("namespace", ""), request.path_params["name"])
    if request.method == "DELETE":
        return await delete(request, resource, obj)
    if tables.wanted(request):
        return JSONResponse(tables.table(resource, [obj], {}))
    return JSONResponse(obj)


async def delete(request: Request, resource: Resource, obj: Object) -> Response:
    """DELETE one object; answers it while it terminates, else a Status."""
    refuse_dry_run(request)
    store: Store = request.app.state.store
    grace, propagation = await delete_options(request, resource, obj)
    deleted = admission.delete(store, resource, obj, grace, propagation)
    still_there = store.find(resource, deleted["metadata"].get("namespace", ""), name_of(deleted))
    if still_there or resource is PODS:
        return JSONResponse(deleted)
    details = errors.details_of(resource, name_of(deleted)) | {"uid": deleted["metadata"]["uid"]}
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return JSONResponse(head | {"details": details})


async def delete_options(
    request: Request, resource: Resource | None = None, obj: Object | None = None
) -> tuple[int | None, str | None]:
    """Grace in seconds and propagation policy; 409 when a precondition does not hold."""
    body = json.loads(await request.body() or b"{}") or {}
    given = body.get("preconditions") or {}
    for field in ("uid", "resourceVersion"):
        if resource and obj and given.get(field) not in (None, obj["metadata"][field]):
            what = {"uid": "UID", "resourceVersion": "ResourceVersion"}[field]
            seen = obj["metadata"][field]
            why = (
                f"the {what} in the precondition ({given[field]}) does not match the {what} in "
                f"record ({seen}). The object might have been deleted and then recreated"
            )
            raise errors.conflict(resource, name_of(obj), why)
    grace = request.query_params.get("gracePeriodSeconds", body.get("gracePeriodSeconds"))
    propagation = request.query_params.get("propagationPolicy", body.get("propagationPolicy"))
    return None if grace is None else int(grace), propagation


async def status(request: Request) -> Response:
    """GET, PUT and PATCH .../status: the status alone is written."""
    resource = subresource_of(request, "status")
    if request.method == "GET":
        return await item(request)
    return await write(request, resource, status=True)


def subresource_of(request: Request, name: str) -> Resource:
    """The resource, if it has this subresource; else 404."""
    resource = resource_of(request)
    if name not in resource.subresources:
        raise errors.unknown_path()
    return resource


async def write(request: Request, resource: Resource, *, status: bool) -> Response:
    """PUT or PATCH an object, or its status."""
    refuse_dry_run(request)
    store: Store = request.app.state.store
    namespace, name = request.path_params.get("namespace", ""), request.path_params["name"]
    content_type = request.headers.get("content-type", "").partition(";")[0]
    body = await read_body(request, resource)
    old = store.find(resource, namespace, name)
    if old is None and content_type == patch.APPLY_PATCH and not status:
        body = validation.check_type(resource, body)
        set_namespace(request, resource, body)
        return JSONResponse(admission.create(store, resource, body), 201)
    if old is None:
        raise errors.not_found(resource, name)
    if request.method == "PATCH":
        new = patch.patched(old, body, content_type)
    else:
        new = validation.check_type(resource, body)
        set_namespace(request, resource, new)
    if new["metadata"].get("name") != name:
        raise errors.bad_request(
            f"the name of the object ({new['metadata'].get('name')}) does not match the name on "
            f"the URL ({name})"
        )
    return JSONResponse(store.replace(resource, _limited(resource, old, new, status=status)))


def _limited(resource: Resource, old: Object, new: Object, *, status: bool) -> Object:
    """The new object with what this request may not write as it was."""
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        new["metadata"].pop(field, None)
        if field in old["metadata"]:
            new["metadata"][field] = old["metadata"][field]
    if status:
        version = new["metadata"].get("resourceVersion")
        return old | {
            "status": new.get("status", {}),
            "metadata": old["metadata"] | {"resourceVersion": version},
        }
    if "status" in old:
        new["status"] = old["status"]
    if "spec" in old:
        validation.check_update(resource, old, new)
    return new


async def scale(request: Request) -> Response:
    """GET, PUT and PATCH .../scale of a Deployment."""
    subresource_of(request, "scale")
    store: Store = request.app.state.store
    params = request.path_params
    obj = store.get(DEPLOYMENTS, params["namespace"], params["name"])
    if request.method != "GET":
        content_type = request.headers.get("content-type", "").partition(";")[0]
        body = await read_body(request, DEPLOYMENTS)
        if request.method == "PATCH":
            body = patch.patched(_scale_of(obj), body, content_type)
        if not isinstance(body, dict):
            raise errors.bad_request("the body must be an autoscaling/v1 Scale")
        replicas = int(body["spec"].get("replicas", 0))
        obj = store.change(DEPLOYMENTS, obj, lambda new: new["spec"].update(replicas=replicas))
    return JSONResponse(_scale_of(obj))


def _scale_of(deployment: Object) -> Object:
    replicas = deployment["spec"]["replicas"]
    metadata = {
        key: deployment["metadata"][key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    }
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": replicas} if replicas else {},  # 0 is left out, as in Kubernetes
        "status": {"replicas": deployment["status"].get("replicas", 0)},
    }


async def unserved(request: Request) -> Response:
    """404 for any other path, as the API server words it."""
    if request.url.path.startswith(("/api/v1/", *(f"/apis/{g}/" for g in resources.groups()))):
        raise errors.unknown_path()
    return PlainTextResponse("404 page not found\n", 404)


COLLECTION = ["GET", "POST", "DELETE"]
ITEM = ["GET", "PUT", "PATCH", "DELETE"]
WRITES = ["GET", "PUT", "PATCH"]


def resource_routes(base: str) -> list[Route]:
    """The routes of an API group below its base path."""
    spaced = f"{base}/namespaces/{{namespace}}/{{plural}}"
    return [
        Route(f"{base}", group_resources),
        Route(f"{base}/{{plural}}", collection, methods=COLLECTION),
        Route(f"{base}/{{plural}}/{{name}}", item, methods=ITEM),
        Route(f"{base}/{{plural}}/{{name}}/status", status, methods=WRITES),
        Route(f"{base}/{{plural}}/{{name}}/finalize", status, methods=["PUT"]),
        Route(spaced, collection, methods=COLLECTION),
        Route(f"{spaced}/{{name}}", item, methods=ITEM),
        Route(f"{spaced}/{{name}}/status", status, methods=WRITES),
        Route(f"{spaced}/{{name}}/scale", scale, methods=WRITES),
    ]


ROUTES = [
    Route("/readyz", healthy),
    Route("/livez", healthy),
    Route("/healthz", healthy),
    Route("/version", discovered(resources.version)),
    Route("/version/", discovered(resources.version)),
    Route("/openapi/v3", discovered(openapi.index)),
    Route("/openapi/v3/{path:path}", openapi.group_version),
    Route("/api", core_versions),
    Route("/apis", discovered(resources.group_list)),
    Route("/embedded/faults", faults.endpoint, methods=["GET", "POST", "DELETE"]),
    *pods.ROUTES,
    *resource_routes("/api/v1"),
    *resource_routes("/apis/{group}/v1"),
    Route("/{path:path}", unserved, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]
