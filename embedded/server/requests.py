"""What a request says: its resource, selectors, body and options."""

import json
from typing import NamedTuple

import yaml
from starlette.requests import HTTPConnection, Request

from embedded.store import errors, resources
from embedded.store.objects import Object, name_of
from embedded.store.resources import Resource
from embedded.store.selectors import Matcher, field_matcher, label_matcher
from embedded.store.store import Store


def store_of(request: HTTPConnection) -> Store:
    """The objects of the cluster that is asked."""
    store: Store = request.app.state.store
    return store


def resource_of(request: Request) -> Resource:
    """The resource that the path names; 404 when it is not served there."""
    parts = request.path_params
    resource = resources.BY_PATH.get((parts.get("group", ""), parts["plural"]))
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


def is_dry_run(request: Request) -> bool:
    """Whether nothing is to be stored; 400 for a value that there is not."""
    asked = request.query_params.getlist("dryRun")
    if asked not in ([], ["All"]):
        raise errors.bad_request(f"Invalid value: {asked}: dryRun is All, or left out")
    return bool(asked)


def refuse_dry_run(request: Request) -> None:
    """501 rather than a write that was not asked for."""
    if request.query_params.get("dryRun"):
        raise errors.not_implemented("dryRun")


async def read_body(request: Request, resource: Resource) -> object:
    """The body, as JSON or YAML; 400 when it cannot be parsed, 415 for protobuf."""
    body = await request.body()
    content_type = request.headers.get("content-type", "")
    if "protobuf" in content_type:
        message = (
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml (for kubectl create: add --dry-run=client -o yaml "
            "and pipe it into kubectl apply -f -)"
        )
        raise errors.ApiError(415, "UnsupportedMediaType", message)
    try:
        return yaml.safe_load(body) if "yaml" in content_type else json.loads(body)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): couldn't "
            f"get version/kind; json parse error: {error} ({body[:100].decode(errors='replace')})"
        ) from error


async def read_object(request: Request, resource: Resource) -> Object:
    """The body as an object of the resource, with the namespace of the path."""
    return as_object(request, resource, await read_body(request, resource))


def as_object(request: Request, resource: Resource, body: object) -> Object:
    """A body as an object of the resource, with the path's namespace; 400 if it says another."""
    if not isinstance(body, dict):
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind})"
        )
    kind = body.get("kind") or resource.kind
    version = body.get("apiVersion") or resource.api_version
    if (version, kind) != (resource.api_version, resource.kind):
        raise errors.bad_request(
            f'{kind} in version "{version}" cannot be handled as a {resource.kind}: converting '
            f"({version}.{kind}) to (core.{resource.kind}): unknown conversion"
        )
    metadata = body.setdefault("metadata", {})
    namespace = request.path_params.get("namespace")
    if resource.namespaced and namespace is None:
        raise errors.unknown_path()
    if metadata.get("namespace") not in (None, "", namespace):
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if namespace:
        metadata["namespace"] = namespace
    return body


class DeleteOptions(NamedTuple):
    """How to delete: grace in seconds, and the propagation policy."""

    grace: int | None
    propagation: str | None


async def delete_options(request: Request, resource: Resource, obj: Object) -> DeleteOptions:
    """What query and body say; 409 when a precondition does not hold for the object."""
    body = json.loads(await request.body() or b"{}") or {}
    given = body.get("preconditions") or {}
    for field, what in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if given.get(field) not in (None, obj["metadata"][field]):
            why = (
                f"the {what} in the precondition ({given[field]}) does not match the {what} in "
                f"record ({obj['metadata'][field]}). The object might have been deleted and then "
                "recreated"
            )
            raise errors.conflict(resource, name_of(obj), why)
    options = body | dict(request.query_params)
    grace = options.get("gracePeriodSeconds")
    return DeleteOptions(None if grace is None else int(grace), options.get("propagationPolicy"))
