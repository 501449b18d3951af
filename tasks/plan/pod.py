"""What a plan adds to every pod of a run: fields of a pod that a cluster's rules may ask for.

Only these: what a pod runs, and what it mounts, is stormark's own. Whether a cluster takes them is
asked of its API server, by a dry run in the preflight.
"""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tasks.plan.quantity import quantity_cpus


def _quantity(given: str) -> str:
    try:
        quantity_cpus(given)
    except ValueError as error:
        raise ValueError("a Kubernetes quantity such as 500m or 1Gi") from error
    return given


Quantities = dict[str, Annotated[str, AfterValidator(_quantity)]]


class Resources(BaseModel):
    """Requests and limits of the container, by resource, such as memory: 1Gi."""

    model_config = ConfigDict(extra="forbid")

    requests: Quantities = Field(
        default={}, description="In place of stormark's own; those of other resources stay."
    )
    limits: Quantities = Field(
        default={}, description="None by default: fio may be measured by them, not the volume."
    )


class SecurityContext(BaseModel):
    """The user that a pod runs as; what is empty stays as stormark has it, 65534."""

    model_config = ConfigDict(extra="forbid")

    given_by_cluster: bool = Field(
        default=False,
        description="True: stormark sets neither user nor groups, the cluster's rules give them.",
    )
    run_as_user: int | None = Field(default=None, ge=0, description="Its uid; root is not tried.")
    run_as_group: int | None = Field(default=None, ge=0, description="Its primary group.")
    fs_group: int | None = Field(
        default=None, ge=0, description="Group that a volume's files are given, where it can."
    )

    @model_validator(mode="after")
    def _one_gives_them(self) -> Self:
        own = (self.run_as_user, self.run_as_group, self.fs_group)
        if self.given_by_cluster and any(one is not None for one in own):
            raise ValueError("with given_by_cluster no user and no group")
        return self


class Pod(BaseModel):
    """Fields of every pod of a run, by their names in Kubernetes."""

    model_config = ConfigDict(extra="forbid")

    labels: dict[str, str] = Field(
        default={},
        description="Beside stormark's own; also of a pod's Job or Deployment, as for Kueue.",
    )
    annotations: dict[str, str] = Field(
        default={}, description="Such as sidecar.istio.io/inject or karpenter.sh/do-not-disrupt."
    )
    resources: Resources = Field(
        default=Resources(), title="Requests and Limits", description="Requests and limits."
    )
    image_pull_secrets: list[str] = Field(
        default=[], description="Names of Secrets of the namespace, to pull the image with."
    )
    priority_class_name: str = Field(default="", description="Name of a PriorityClass.")
    runtime_class_name: str = Field(default="", description="Name of a RuntimeClass.")
    service_account_name: str = Field(
        default="", description="Name of a ServiceAccount; no token of it is mounted."
    )
    security_context: SecurityContext = Field(
        default=SecurityContext(), title="User and Groups", description="User and groups."
    )

    def user(self, own: int) -> int | None:
        """The user of a pod that is `own` by itself; None where the cluster gives one."""
        context = self.security_context
        if context.given_by_cluster:
            return None
        return own if context.run_as_user is None else context.run_as_user

    def who(self, own: int) -> str:
        """That user in words."""
        user = self.user(own)
        return "the user that the cluster gives" if user is None else f"user {user}"

    @property
    def without_root(self) -> str | None:
        """Why no pod is tried as root, where the plan says which user a pod has."""
        context = self.security_context
        if context.given_by_cluster or context.run_as_user is not None:
            return "plan field pod.security_context says which user"
        return None
