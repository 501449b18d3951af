"""The API server's routes and their handlers."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from embedded.node.kubelet import Kubelet
from embedded.server import pods, remotecommand, watches, writes
from embedded.server.requests import is_true, matcher, resource_of, store_of
from embedded.store import errors, resources
from embedded.store.errors import ApiError, answer_error
from embedded.store.objects import Object
from embedded.store.resources import Resource
from embedded.store.selectors import Matcher
from embedded.store.store import Store

WATCH_SECONDS = 1800.0  # the least that --min-request-timeout gives a watch by default


def application(store: Store, kubelets: dict[str, Kubelet]) -> Starlette:
    """The API server over a store and the kubelets of its nodes."""
    app = Starlette(routes=ROUTES, exception_handlers={ApiError: answer_error})
    app.state.store = store
    app.state.kubelets = kubelets
    return app


def discovered(document: Callable[[], Object]) -> Callable[[Request], Awaitable[Response]]:
    """A handler that answers a document which never changes."""

    async def answer(request: Request) -> Response:
        del request
        return JSONResponse(document())

    return answer


async def healthy(request: Request) -> Response:
    """GET /readyz, /livez and /healthz."""
    del request
    return PlainTextResponse("ok")


async def collection(request: Request) -> Response:
    """List, watch and create objects of a resource."""
    resource = resource_of(request)
    if request.method == "POST":
        return await writes.create(request, resource)
    namespace = request.path_params.get("namespace", "")
    matches = matcher(request, resource)
    if request.method == "GET" and is_true(request, "watch"):
        return watch(request, resource, namespace, matches)
    store = store_of(request)
    found = [obj for obj in store.items(resource, namespace) if matches(obj)]
    metadata = {"resourceVersion": str(store.version)}
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
    return JSONResponse(obj)


async def unserved(request: Request) -> Response:
    """404 for any other path, as the API server words it."""
    if request.url.path.startswith(("/api/v1/", *(f"/apis/{g}/" for g in resources.GROUPS))):
        raise errors.unknown_path()
    return PlainTextResponse("404 page not found\n", 404)


COLLECTION = ["GET", "POST"]
ITEM = ["GET", "PUT", "PATCH", "DELETE"]


def resource_routes(base: str) -> list[Route]:
    """The routes of an API group below its base path."""
    spaced = f"{base}/namespaces/{{namespace}}/{{plural}}"
    return [
        Route(f"{base}/{{plural}}", collection, methods=COLLECTION),
        Route(f"{base}/{{plural}}/{{name}}", item, methods=ITEM),
        Route(spaced, collection, methods=COLLECTION),
        Route(f"{spaced}/{{name}}", item, methods=ITEM),
    ]


ROUTES = [
    Route("/readyz", healthy),
    Route("/livez", healthy),
    Route("/healthz", healthy),
    Route("/version", discovered(resources.version)),
    Route("/version/", discovered(resources.version)),
    Route("/apis", discovered(resources.group_list)),
    *pods.ROUTES,
    *remotecommand.ROUTES,
    *resource_routes("/api/v1"),
    *resource_routes("/apis/{group}/v1"),
    Route("/{path:path}", unserved, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]
