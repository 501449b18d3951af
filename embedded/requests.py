"""What a request says: its resource, selectors, body and options."""

import json

import yaml
from starlette.requests import Request

from . import errors, resources
from .objects import Object, name_of
from .resources import Resource
from .selectors import Matcher, field_matcher, label_matcher


def resource_of(request: Request) -> Resource:
    """The resource that the path names; 404 when it is not served there."""
    parts = request.path_params
    resource = resources.BY_PATH.get((parts.get("group", ""), "v1", parts["plural"]))
    if resource is None or ("namespace" in parts and not resource.namespaced):
        raise errors.unknown_path()
    return resource


def subresource_of(request: Request, name: str) -> Resource:
    """The resource, if it has this subresource; else 404."""
    resource = resource_of(request)
    if name not in resource.subresources:
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
        raise errors.ApiError(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml (for kubectl create: add --dry-run=client -o yaml "
            "and pipe it into kubectl apply -f -)",
        )
    try:
        return yaml.safe_load(body) if "yaml" in content_type else json.loads(body)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): couldn't "
            f"get version/kind; json parse error: {error} ({body[:100].decode(errors='replace')})"
        ) from error


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
