"""What plan, checks and storms call kinds of volumes, and what a run may have to do without."""

from typing import Final, Literal

FOLDER_KINDS = ("hostPath", "hostPath-pinned", "local")

WriterKind = Literal["Deployment", "StatefulSet"]  # what runs the pod that writes
DEPLOYMENT: WriterKind = "Deployment"
STATEFUL_SET: WriterKind = "StatefulSet"

CLASSES, SHARED = "storage-classes", "storage-classes-rwx"

ONE_POD = "ReadWriteOncePod"  # no pod beside the writer's may mount the volume

NODE_LOST: Final = "node-lost"  # the one storm that holds its node until writers are elsewhere

AS_ROOT = "pods as root"  # beside names of storms and volumes, what a run may have to do without
