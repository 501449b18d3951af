"""What `manifests/rbac.yaml` and the optional files beside it grant."""

from typing import Any

import yaml

from tasks.kubernetes import manifest

BASE = "rbac.yaml"
FILES = (BASE, *sorted(f"rbac/{path.name}" for path in (manifest.FOLDER / "rbac").iterdir()))
# API group, resource, verb, and whether it is granted in every namespace, as RBAC has them.
Right = tuple[str, str, str, bool]


def shipped(*files: str) -> list[dict[str, Any]]:
    """The objects of some files, or of all, the namespace itself left out."""
    texts = [(manifest.FOLDER / file).read_text() for file in files or FILES]
    objects = [one for text in texts for one in yaml.safe_load_all(text)]
    return [one for one in objects if one["kind"] != "Namespace"]


def granted(*files: str) -> set[Right]:
    """What the roles of some files allow, or those of all."""
    return {
        (group, resource, verb, role["kind"] == "ClusterRole")
        for role in shipped(*files)
        for rule in role.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
