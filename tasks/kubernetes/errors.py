"""What a call to Kubernetes may end in: the message says which, on what, and what to do."""

from tasks.kubernetes.objects import Items


class ClusterError(Exception):
    """A call to Kubernetes that failed: the message says which, on what, and what to do."""


class Unreachable(ClusterError):
    """No API server answers, or the kubeconfig cannot be used."""


class Forbidden(ClusterError):
    """RBAC refuses a verb on a resource."""


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
    403: (Forbidden, "Grant that verb on that resource, or ask who can."),
    404: (NotFound, "Somebody may have deleted it, or context or namespace are others."),
    409: (Conflict, "Somebody else changed it at the same time: try again."),
    410: (Gone, "Read it anew."),
    429: (Blocked, "The server is busy, or a PodDisruptionBudget forbids it: try again later."),
}

# What passes once the control plane is back.
AWAY = (Unreachable, ServerFailed, Blocked)
