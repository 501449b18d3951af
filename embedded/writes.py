"""The handlers that write: create, replace, patch, delete, scale."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import admission, claims, errors, patch, validation
from .objects import Object, name_of
from .requests import delete_options, read_body, refuse_dry_run, set_namespace, subresource_of
from .resources import ACCESS_REVIEWS, CLAIMS, DEPLOYMENTS, PODS, Resource
from .store import Store


async def create(request: Request, resource: Resource) -> Response:
    """POST an object to a collection."""
    refuse_dry_run(request)
    body = validation.check_type(resource, await read_body(request, resource))
    if resource is ACCESS_REVIEWS:  # there are no users here: everything is allowed
        return JSONResponse(body | {"status": {"allowed": True}}, 201)
    set_namespace(request, resource, body)
    created = admission.create(request.app.state.store, resource, body)
    return JSONResponse(created, 201)


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
    return JSONResponse(store.replace(resource, _limited(store, resource, old, new, status=status)))


def _limited(store: Store, resource: Resource, old: Object, new: Object, *, status: bool) -> Object:
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
    if resource is CLAIMS:
        claims.check_resize(store, old, new)
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
