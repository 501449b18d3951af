"""As much of OpenAPI as kubectl needs: it looks up whether fieldValidation is offered."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .objects import Object
from .resources import SERVED, groups


def index() -> Object:
    """The paths of the OpenAPI documents."""
    paths = ["api/v1", *(f"apis/{group}/v1" for group in groups())]
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}}


async def group_version(request: Request) -> Response:
    """The document of one group: its patch operations and no schemas."""
    path = request.path_params["path"]
    if path not in index()["paths"]:
        return PlainTextResponse("404 page not found\n", 404)
    group = path.split("/")[1] if path.startswith("apis/") else ""
    parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
    paths = {}
    for resource in (r for r in SERVED if r.group == group):
        kind = {"group": group, "version": "v1", "kind": resource.kind}
        operation = {"x-kubernetes-group-version-kind": kind, "parameters": parameters}
        space = "/namespaces/{namespace}" if resource.namespaced else ""
        paths[f"/{path}{space}/{resource.plural}/{{name}}"] = {"patch": operation}
    info = {"title": "Kubernetes", "version": "v1"}
    return JSONResponse({"openapi": "3.0.0", "info": info, "paths": paths})
