"""The handlers that write: create, replace, patch, delete."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from embedded.admission import admission, validation
from embedded.controllers import claims
from embedded.server import patch
from embedded.server.requests import (
    as_object,
    delete_options,
    is_dry_run,
    read_body,
    read_object,
    refuse_dry_run,
    store_of,
)
from embedded.store import errors
from embedded.store.objects import Object, name_of
from embedded.store.resources import ACCESS_REVIEWS, CLAIMS, PODS, Resource


async def create(request: Request, resource: Resource) -> Response:
    """POST an object to a collection."""
    dry_run = is_dry_run(request)
    if resource is ACCESS_REVIEWS:  # there are no users here: everything is allowed
        body = await read_body(request, resource)
        assert isinstance(body, dict)
        return JSONResponse(body | {"status": {"allowed": True}}, 201)
    body = await read_object(request, resource)
    created = admission.create(store_of(request), resource, body, dry_run=dry_run)
    return JSONResponse(created, 201)


async def delete(request: Request, resource: Resource, obj: Object) -> Response:
    """DELETE one object; answers it while it terminates, else a Status."""
    refuse_dry_run(request)
    store = store_of(request)
    options = await delete_options(request, resource, obj)
    deleted = admission.delete(store, resource, obj, *options)
    if resource is PODS or store.current(resource, deleted):
        return JSONResponse(deleted)
    details = errors.details_of(resource, name_of(deleted)) | {"uid": deleted["metadata"]["uid"]}
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return JSONResponse(head | {"details": details})


async def write(request: Request, resource: Resource) -> Response:
    """PUT or PATCH an object, all but its status."""
    refuse_dry_run(request)
    store = store_of(request)
    namespace, name = request.path_params.get("namespace", ""), request.path_params["name"]
    body = await read_body(request, resource)
    old = store.find(resource, namespace, name)
    if old is None:
        raise errors.not_found(resource, name)
    if request.method == "PATCH":
        body = patch.patched(old, body, _content_type(request))
    new = as_object(request, resource, body)
    if new["metadata"].get("name") != name:
        raise errors.bad_request(
            f"the name of the object ({new['metadata'].get('name')}) does not match the name on "
            f"the URL ({name})"
        )
    for part, field in (
        (new["metadata"], "deletionTimestamp"),
        (new["metadata"], "deletionGracePeriodSeconds"),
        (new, "status"),
    ):
        before = old if part is new else old["metadata"]
        part.pop(field, None)
        if field in before:
            part[field] = before[field]
    if "spec" in old:
        validation.check_update(resource, old, new)
    validation.check_immutable(resource, old, new)
    if resource is CLAIMS:
        claims.check_size(old, new)
    return JSONResponse(store.replace(resource, new))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0]
