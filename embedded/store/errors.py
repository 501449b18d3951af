"""Errors as Kubernetes answers them, and the one place where exceptions become a Status."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from embedded.store.objects import Object
from embedded.store.resources import Resource


class ApiError(Exception):
    """A refusal: HTTP code, reason, message and details of a metav1.Status."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Object | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    def status(self) -> Object:
        """The metav1.Status that is the body of the answer."""
        details = dict(self.details) if self.details is not None else None
        if self.retry_after_seconds is not None:
            details = (details or {}) | {"retryAfterSeconds": self.retry_after_seconds}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": details} if details is not None else {}),
            "code": self.code,
        }


async def answer_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for ApiError."""
    del request
    assert isinstance(error, ApiError)
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return JSONResponse(error.status(), error.code, headers)


def details_of(resource: Resource, name: str) -> Object:
    """The details that name an object."""
    group = {"group": resource.group} if resource.group else {}
    return {"name": name, **group, "kind": resource.plural}


def not_found(resource: Resource, name: str) -> ApiError:
    """404 for an object that does not exist."""
    message = f'{resource.qualified} "{name}" not found'
    return ApiError(404, "NotFound", message, details_of(resource, name))


def unknown_path() -> ApiError:
    """404 for a resource that is not served."""
    message = "the server could not find the requested resource"
    return ApiError(404, "NotFound", message, {})


def already_exists(resource: Resource, name: str) -> ApiError:
    """409 for a create of an existing name."""
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details_of(resource, name))


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    """409 for a write that is based on an old version of the object."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, details_of(resource, name))


def forbidden(resource: Resource, name: str, why: str, causes: list[Object]) -> ApiError:
    """403 with the reasons of an admission check."""
    message = f'{resource.qualified} "{name}" is forbidden: {why}'
    details = details_of(resource, name) | {"causes": causes}
    return ApiError(403, "Forbidden", message, details)


def bad_request(message: str) -> ApiError:
    """400 with the given message."""
    return ApiError(400, "BadRequest", message)


def expired(asked: int, oldest: int) -> ApiError:
    """410 for a watch from a version that is no longer in the history."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def not_implemented(what: str) -> ApiError:
    """501 for what Kubernetes does and the embedded cluster does not; names it."""
    message = f"the embedded cluster does not implement {what}; use a real cluster for it"
    return ApiError(501, "NotImplemented", message)


Cause = tuple[str, str, str]
"""Reason, field and message of one finding, e.g. FieldValueRequired, spec.containers, ..."""


def required(field: str, message: str = "") -> Cause:
    """The finding that a field is missing."""
    return "FieldValueRequired", field, f"Required value{': ' if message else ''}{message}"


def invalid_value(field: str, value: str, message: str) -> Cause:
    """The finding that a field's value is not allowed; value as Go prints it."""
    return "FieldValueInvalid", field, f"Invalid value: {value}: {message}"


def invalid(resource: Resource, name: str, findings: list[Cause]) -> ApiError:
    """422 with every finding, as Kubernetes' validation words it."""
    lines = [f"{field}: {message}" for _, field, message in findings]
    joined = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    causes = [{"reason": r, "message": m, "field": f} for r, f, m in findings]
    details = {
        **({"name": name} if name else {}),
        **({"group": resource.group} if resource.group else {}),
        "kind": resource.kind,
        "causes": causes,
    }
    message = f'{resource.qualified_kind} "{name}" is invalid: {joined}'
    return ApiError(422, "Invalid", message, details)
