"""What a pod's spec must look like, in a pod and in a controller's template."""

import json
from collections.abc import Iterator

from embedded.store import errors
from embedded.store.errors import Cause, required
from embedded.store.objects import Object

POD_FIELDS = {
    "volumes", "containers", "restartPolicy", "terminationGracePeriodSeconds", "nodeName",
    "nodeSelector", "affinity", "tolerations", "serviceAccountName", "serviceAccount",
    "automountServiceAccountToken", "securityContext", "imagePullSecrets", "dnsPolicy",
    "enableServiceLinks", "priority", "priorityClassName", "preemptionPolicy", "schedulerName",
    "shareProcessNamespace",
}  # fmt: skip
CONTAINER_FIELDS = {
    "name", "image", "command", "args", "workingDir", "env", "resources", "volumeMounts",
    "imagePullPolicy", "securityContext", "terminationMessagePath", "terminationMessagePolicy",
    "ports", "stdin", "tty",
}  # fmt: skip
VOLUME_SOURCES = {"persistentVolumeClaim", "emptyDir", "hostPath", "configMap"}


def refuse_unknown(where: str, obj: Object, known: set[str]) -> None:
    """501 for the first field that is set and not known."""
    for field, value in obj.items():
        if field not in known and value not in (None, False, [], {}):
            raise errors.not_implemented(f"{where}.{field}")


def pod_findings(obj: Object, at: str = "spec") -> list[Cause]:
    """The findings on a pod, or on a pod template's spec at a path."""
    spec = obj.get("spec") or {}
    refuse_unknown(at, spec, POD_FIELDS)
    refuse_unknown(f"{at}.affinity", spec.get("affinity") or {}, {"nodeAffinity"})
    findings: list[Cause] = []
    names = set()
    for index, volume in enumerate(spec.get("volumes") or []):
        names.add(volume.get("name"))
        refuse_unknown(f"{at}.volumes[{index}]", volume, VOLUME_SOURCES | {"name"})
        if (volume.get("emptyDir") or {}).get("medium"):
            raise errors.not_implemented(f"{at}.volumes[{index}].emptyDir.medium")
        kind = (volume.get("hostPath") or {}).get("type")
        if kind not in {None, "", "Directory", "DirectoryOrCreate"}:
            raise errors.not_implemented(f"{at}.volumes[{index}].hostPath.type {kind}")
    if not spec.get("containers"):
        findings.append(required(f"{at}.containers"))
    for index, container in enumerate(spec.get("containers") or []):
        findings += container_findings(container, f"{at}.containers[{index}]", names)
    return findings


def container_findings(container: Object, at: str, volumes: set[str]) -> Iterator[Cause]:
    """The findings on one container."""
    refuse_unknown(at, container, CONTAINER_FIELDS)
    if (container.get("securityContext") or {}).get("privileged"):
        raise errors.not_implemented(f"{at}.securityContext.privileged")
    for field in ("name", "image"):
        if not container.get(field):
            yield required(f"{at}.{field}")
    for index, variable in enumerate(container.get("env") or []):
        where = f"{at}.env[{index}].valueFrom"
        refuse_unknown(where, variable.get("valueFrom") or {}, {"fieldRef"})
    mounts = container.get("volumeMounts") or []
    paths = [mount.get("mountPath", "").strip("/") for mount in mounts]
    for index, mount in enumerate(mounts):
        where = f"{at}.volumeMounts[{index}]"
        refuse_unknown(where, mount, {"name", "mountPath", "readOnly", "subPath"})
        if mount.get("name") not in volumes:
            yield "FieldValueNotFound", f"{where}.name", f"Not found: {json.dumps(mount['name'])}"
        if not mount.get("mountPath"):
            yield required(f"{where}.mountPath")
        if any(path != paths[index] and paths[index].startswith(f"{path}/") for path in paths):
            raise errors.not_implemented(f"{where}: a mount within another mount")


def refuse_entrypoints(spec: Object, at: str) -> None:
    """501 for a container whose command is the image's: no image is looked into."""
    for index, container in enumerate(spec["containers"]):
        if not container.get("command"):
            raise errors.not_implemented(f"{at}.containers[{index}].command left to the image")
