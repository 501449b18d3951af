"""The API server's routes and their handlers."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from embedded.admission import admission
from embedded.node.kubelet import Kubelet
from embedded.node.losses import Losses
from embedded.server import faults, pods, remotecommand, tables, watches, writes
from embedded.server.requests import delete_options, is_true, matcher, resource_of, store_of
from embedded.store import errors, resources
from embedded.store.errors import ApiError, answer_error
from embedded.store.objects import Object
from embedded.store.resources import Resource
from embedded.store.selectors import Matcher
from embedded.store.store import Store

WATCH_SECONDS = 1800.0  # the least that --min-request-timeout gives a watch by default


def application(
    store: Store, kubelets: dict[str, Kubelet], losses: Losses, *, with_faults: bool
) -> ASGIApp:
    """The API server over a store and the kubelets of its nodes; for tests `with_faults`."""
    endpoint = Route("/embedded/faults", faults.endpoint, methods=["GET", "POST", "DELETE"])
    routes = [endpoint, *ROUTES] if with_faults else ROUTES
    app = Starlette(routes=routes, exception_handlers={ApiError: answer_error})
    app.state.store = store
    app.state.kubelets = kubelets
    app.state.losses = losses
    app.state.faults = []
    return faults.FaultMiddleware(app, app.state.faults) if with_faults else app


def discovered(document: Callable[[], Object]) -> Callable[[Request], Awaitable[Response]]:
    """A handler that answers a document which never changes."""

    async def answer(request: Request) -> Response:
        del request
        return JSONResponse(document())

    return answer


def of_group(document: Callable[[str], Object]) -> Callable[[Request], Awaitable[Response]]:
    """A handler that answers a document of the API group in the path."""

    async def answer(request: Request) -> Response:
        group = request.path_params.get("group", "")
        if group and group not in resources.GROUPS:
            return PlainTextResponse("404 page not found\n", 404)
        return JSONResponse(document(group))

    return answer


async def healthy(request: Request) -> Response:
    """GET /readyz, /livez and /healthz."""
    del request
    return PlainTextResponse("ok")


async def collection(request: Request) -> Response:
    """List, watch, create and delete objects of a resource."""
    resource = resource_of(request)
    if request.method == "POST":
        return await writes.create(request, resource)
    namespace = request.path_params.get("namespace", "")
    matches = matcher(request, resource)
    if request.method == "GET" and is_true(request, "watch"):
        return watch(request, resource, namespace, matches)
    store = store_of(request)
    found = [obj for obj in store.items(resource, namespace) if matches(obj)]
    if request.method == "DELETE":
        options = await delete_options(request, resource)
        for obj in found:
            admission.delete(store, resource, obj, *options)
    metadata = {"resourceVersion": str(store.version)}
    if tables.wanted(request):
        return JSONResponse(tables.table(resource, found, metadata))
    # Within a list the items' kind and version are left out, as in Kubernetes.
    items = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in found]
    kind = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version}
    return JSONResponse({**kind, "metadata": metadata, "items": items})


def watch(request: Request, resource: Resource, namespace: str, matches: Matcher) -> Response:
    """The stream of changes after resourceVersion; without one, of what there is first."""
    since = request.query_params.get("resourceVersion", "0") or "0"
    if not since.isdigit():
        raise errors.bad_request(f'Invalid value: "{since}": resourceVersion must be a number')
    initial = is_true(request, "sendInitialEvents")
    lines = watches.stream(
        store_of(request),
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


async def item(request: Request) -> Response:
    """Get, replace, patch and delete one object."""
    resource = resource_of(request)
    if request.method in {"PUT", "PATCH"}:
        return await writes.write(request, resource)
    store = store_of(request)
    obj = store.get(resource, request.path_params.get("namespace", ""), request.path_params["name"])
    if request.method == "DELETE":
        return await writes.delete(request, resource, obj)
    if tables.wanted(request):
        return JSONResponse(tables.table(resource, [obj], {}))
    return JSONResponse(obj)


async def unserved(request: Request) -> Response:
    """404 for any other path, as the API server words it."""
    if request.url.path.startswith(("/api/v1/", *(f"/apis/{g}/" for g in resources.GROUPS))):
        raise errors.unknown_path()
    return PlainTextResponse("404 page not found\n", 404)


COLLECTION = ["GET", "POST", "DELETE"]
ITEM = ["GET", "PUT", "PATCH", "DELETE"]


def resource_routes(base: str) -> list[Route]:
    """The routes of an API group below its base path."""
    spaced = f"{base}/namespaces/{{namespace}}/{{plural}}"
    return [
        Route(base, of_group(resources.resource_list)),
        Route(f"{base}/{{plural}}", collection, methods=COLLECTION),
        Route(f"{base}/{{plural}}/{{name}}", item, methods=ITEM),
        Route(spaced, collection, methods=COLLECTION),
        Route(f"{spaced}/{{name}}", item, methods=ITEM),
        Route(f"{spaced}/{{name}}/scale", writes.scale, methods=["GET", "PUT", "PATCH"]),
    ]


ROUTES = [
    Route("/readyz", healthy),
    Route("/livez", healthy),
    Route("/healthz", healthy),
    Route("/version", discovered(resources.version)),
    Route("/version/", discovered(resources.version)),
    Route("/openapi/v3", discovered(resources.openapi_index)),
    Route("/openapi/v3/api/v1", of_group(resources.openapi)),
    Route("/openapi/v3/apis/{group}/v1", of_group(resources.openapi)),
    Route("/api", discovered(lambda: {"kind": "APIVersions", "versions": ["v1"]})),
    Route("/apis", discovered(resources.group_list)),
    *pods.ROUTES,
    *remotecommand.ROUTES,
    *resource_routes("/api/v1"),
    *resource_routes("/apis/{group}/v1"),
    Route("/{path:path}", unserved, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]
