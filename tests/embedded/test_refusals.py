import json
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

CONTAINER = {"name": "c", "image": "busybox", "command": ["true"]}
MOUNT = {"name": "v", "mountPath": "/v"}
TERM = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
ABOVE = {"key": "disks", "operator": "Gt", "values": ["1"]}
EMPTY = {"name": "v", "emptyDir": {}}


def pod(spec: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [CONTAINER | container], **(spec or {})},
    }


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (pod({"hostPID": True}), "spec.hostPID"),
        (pod({"hostNetwork": True}), "spec.hostNetwork"),
        (pod({"initContainers": [CONTAINER]}), "spec.initContainers"),
        (
            pod(
                {
                    "affinity": {
                        "podAntiAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": [TERM]
                        }
                    }
                }
            ),
            "spec.affinity.podAntiAffinity",
        ),
        (pod(securityContext={"privileged": True}), "securityContext.privileged"),
        (pod(livenessProbe={"exec": {"command": ["true"]}}), "livenessProbe"),
        (pod({"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]}), "volumes[0].nfs"),
        (pod({"volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}]}), "emptyDir.medium"),
        (
            pod({"volumes": [EMPTY]}, volumeMounts=[MOUNT | {"subPathExpr": "$(POD)"}]),
            "volumeMounts[0].subPathExpr",
        ),
        (
            pod({"volumes": [EMPTY]}, volumeMounts=[MOUNT, MOUNT | {"mountPath": "/v/w"}]),
            "a mount within another mount",
        ),
        (pod(command=[]), "spec.containers[0].command"),
        (
            pod(
                {
                    "affinity": {
                        "nodeAffinity": {
                            "preferredDuringSchedulingIgnoredDuringExecution": [
                                {"weight": 1, "preference": {"matchExpressions": [ABOVE]}}
                            ]
                        }
                    }
                }
            ),
            "matchExpressions with operator 'Gt'",
        ),
    ],
)
def test_what_nothing_here_would_obey_is_refused_by_name(
    core: Any, body: dict[str, Any], named: str
) -> None:
    with pytest.raises(ApiException) as refused:
        core.create_namespaced_pod("default", body)
    assert refused.value.status == 501
    assert named in json.loads(str(refused.value.body))["message"]


def test_quotas_are_listed_and_not_created(core: Any) -> None:
    assert core.list_namespaced_resource_quota("default").items == []
    with pytest.raises(ApiException) as refused:
        core.create_namespaced_resource_quota("default", {"metadata": {"name": "q"}})
    assert refused.value.status == 501


def test_a_dry_run_of_anything_but_a_creation_is_refused_rather_than_done(core: Any) -> None:
    """Creations have theirs, as tests/e2e/test_api.py shows on every cluster."""
    core.create_namespaced_config_map("default", {"metadata": {"name": "a"}})
    with pytest.raises(ApiException) as refused:
        core.delete_namespaced_config_map("a", "default", dry_run="All")
    assert refused.value.status == 501
    core.delete_namespaced_config_map("a", "default")
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_config_map("a", "default")
    assert missing.value.status == 404
