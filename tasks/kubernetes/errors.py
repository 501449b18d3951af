"""What a call to Kubernetes may end in: the message says which, on what, and what to do."""

import re

from tasks.kubernetes.objects import Items


class ClusterError(Exception):
    """A call to Kubernetes that failed: the message says which, on what, and what to do."""


class Unreachable(ClusterError):
    """No API server answers, or the kubeconfig cannot be used."""


class NotOpened(Unreachable):
    """The connection for a command in a pod was not opened: the command has not begun."""


class Forbidden(ClusterError):
    """The account may not do that: RBAC refuses it, or its credentials are not accepted."""


class Denied(Forbidden):
    """An admission policy, a quota or Pod Security refuses an object: no right would help."""


class Invalid(ClusterError):
    """The object is not as its kind, or as a policy, wants it."""


class NotFound(ClusterError):
    """The object does not exist."""


class AlreadyExists(ClusterError):
    """An object of that kind and name exists already."""


class Conflict(ClusterError):
    """The object has changed since it was read."""


class Blocked(ClusterError):
    """The server goes on to answer 429: as to an eviction that a PodDisruptionBudget forbids."""


class ServerFailed(ClusterError):
    """The server answers 5xx: it is in trouble, or what it asks for an answer is."""


class WaitTimedOut(ClusterError):
    """What was waited for did not happen within its limit. `items` is what was seen last."""

    def __init__(self, message: str, items: Items) -> None:
        super().__init__(message)
        self.items = items


class Gone(ClusterError):
    """The server no longer has the version that a watch was to start from: list again."""


class CutOff(ClusterError):
    """The connection to a command in a pod ended before it did: it may have been carried out."""


class CommandFailed(ClusterError):
    """A command in a pod exited with another status than 0."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


# What a reason or else an HTTP status means, and what to do about it.
REFUSALS: dict[int | str | None, tuple[type[ClusterError], str]] = {
    "AlreadyExists": (AlreadyExists, "Remove it, if it is nobody's, or name another namespace."),
    401: (Forbidden, "The credentials of the kubeconfig are not accepted."),
    403: (Forbidden, "Ask whoever runs the cluster: RBAC says nothing of it."),
    404: (NotFound, "Somebody may have deleted it, or context or namespace are others."),
    409: (Conflict, "Somebody else changed it at the same time: try again."),
    410: (Gone, "Read it anew."),
    422: (Invalid, "The API server does not take it as it is."),
    429: (Blocked, "The server is busy, or a PodDisruptionBudget forbids it: try again later."),
}

# How every authorizer refuses, RBAC among them: User "a" cannot create resource "pods" in …
NO_RIGHT = re.compile(r"\bcannot \w+ (resource|path)\b")
# How admission does, behind the authorizer: pods "a" is forbidden: violates PodSecurity …
ADMISSION = re.compile(r'"[^"]*" is forbidden: |denied (the )?request')


def refused_by(status: int, message: str) -> tuple[type[ClusterError], str] | None:
    """What refuses a request, where its words tell; None for what status and reason tell."""
    if status == 403 and NO_RIGHT.search(message):
        return Forbidden, "Grant that verb on that resource, or ask who can."
    if status in (400, 403, 422) and ADMISSION.search(message):
        return Denied, "A policy, a quota or Pod Security says so, not RBAC."
    return None


# What passes once the control plane is back.
AWAY = (Unreachable, ServerFailed, Blocked)
