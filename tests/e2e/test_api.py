import json
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from .kube import FOREVER, IMAGE, Kube, is_ready, pod_spec


def refusal(call: Callable[[], object]) -> dict[str, object]:
    """The Status that a refused call was answered with."""
    with pytest.raises(ApiException) as refused:
        call()
    status: dict[str, object] = json.loads(str(refused.value.body))
    assert status["code"] == refused.value.status
    return {key: status.get(key) for key in ("code", "reason", "message", "details")}


def test_missing_object(kube: Kube) -> None:
    assert refusal(lambda: kube.core.read_namespaced_pod("none", kube.namespace)) == {
        "code": 404,
        "reason": "NotFound",
        "message": 'pods "none" not found',
        "details": {"name": "none", "kind": "pods"},
    }
    assert refusal(lambda: kube.batch.read_namespaced_job("none", kube.namespace)) == {
        "code": 404,
        "reason": "NotFound",
        "message": 'jobs.batch "none" not found',
        "details": {"name": "none", "group": "batch", "kind": "jobs"},
    }


def test_missing_namespace(kube: Kube) -> None:
    body = {"metadata": {"name": "a"}}
    status = refusal(lambda: kube.core.create_namespaced_config_map("no-such-space", body))
    assert (status["code"], status["message"]) == (404, 'namespaces "no-such-space" not found')


def test_second_create_conflicts(kube: Kube) -> None:
    body = {"metadata": {"name": "a"}}
    kube.core.create_namespaced_config_map(kube.namespace, body)
    assert refusal(lambda: kube.core.create_namespaced_config_map(kube.namespace, body)) == {
        "code": 409,
        "reason": "AlreadyExists",
        "message": 'configmaps "a" already exists',
        "details": {"name": "a", "kind": "configmaps"},
    }


def test_an_immutable_config_map_keeps_its_data(kube: Kube) -> None:
    body = {"metadata": {"name": "a"}, "immutable": True, "data": {"k": "v"}}
    kube.core.create_namespaced_config_map(kube.namespace, body)
    patch = kube.core.patch_namespaced_config_map
    status = refusal(lambda: patch("a", kube.namespace, {"data": {"k": "w"}}))
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert status["message"] == (
        'ConfigMap "a" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    )
    status = refusal(lambda: patch("a", kube.namespace, {"immutable": False}))
    assert (status["code"], status["reason"]) == (422, "Invalid")
    annotated = patch("a", kube.namespace, {"metadata": {"annotations": {"k": "v"}}})
    assert (annotated.metadata.annotations, annotated.data) == ({"k": "v"}, {"k": "v"})


def test_a_dry_run_judges_and_stores_nothing(kube: Kube) -> None:
    """As the real creation would be, which is its twin here."""
    create, body = kube.core.create_namespaced_config_map, {"metadata": {"name": "a"}}
    assert create(kube.namespace, body, dry_run="All").metadata.uid
    assert refusal(lambda: kube.core.read_namespaced_config_map("a", kube.namespace))["code"] == 404
    wrong = {"metadata": {"name": "A"}}
    assert refusal(lambda: create(kube.namespace, wrong, dry_run="All"))["code"] == 422
    create(kube.namespace, body)
    assert refusal(lambda: create(kube.namespace, body, dry_run="All"))["code"] == 409


def test_stale_update_conflicts(kube: Kube) -> None:
    body = {"metadata": {"name": "a"}}
    old = kube.core.create_namespaced_config_map(kube.namespace, body)
    kube.core.patch_namespaced_config_map("a", kube.namespace, {"data": {"k": "v"}})
    status = refusal(lambda: kube.core.replace_namespaced_config_map("a", kube.namespace, old))
    assert (status["code"], status["reason"]) == (409, "Conflict")
    assert status["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please '
        "apply your changes to the latest version and try again"
    )


def test_deletion_of_another_uid_conflicts(kube: Kube) -> None:
    kube.core.create_namespaced_config_map(kube.namespace, {"metadata": {"name": "a"}})
    body = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    status = refusal(lambda: kube.core.delete_namespaced_config_map("a", kube.namespace, body=body))
    assert (status["code"], status["reason"]) == (409, "Conflict")
    assert "the UID in the precondition" in str(status["message"])
    kube.core.read_namespaced_config_map("a", kube.namespace)


@pytest.mark.parametrize(
    ("spec", "metadata", "message"),
    [
        (
            pod_spec("true"),
            {},
            'Pod "" is invalid: metadata.name: Required value: name or generateName is required',
        ),
        (
            {"containers": [{"name": "c"}]},
            {"name": "a"},
            'Pod "a" is invalid: spec.containers[0].image: Required value',
        ),
        (
            {
                "containers": [
                    {
                        "name": "c",
                        "image": IMAGE,
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    }
                ]
            },
            {"name": "a"},
            'Pod "a" is invalid: spec.containers[0].volumeMounts[0].name: Not found: "v"',
        ),
    ],
)
def test_invalid_pods(
    kube: Kube, spec: dict[str, object], metadata: dict[str, str], message: str
) -> None:
    body = {"metadata": metadata, "spec": spec}
    status = refusal(lambda: kube.core.create_namespaced_pod(kube.namespace, body))
    assert (status["code"], status["reason"], status["message"]) == (422, "Invalid", message)


def test_invalid_name(kube: Kube) -> None:
    status = refusal(lambda: kube.create_pod("A_b", pod_spec("true")))
    assert str(status["message"]).startswith(
        'Pod "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain'
    )


def test_invalid_claims(kube: Kube) -> None:
    status = refusal(lambda: kube.create_claim("a", "local-path", accessModes=[], resources={}))
    assert status["message"] == (
        'PersistentVolumeClaim "a" is invalid: [spec.accessModes: Required value: at least 1 '
        "access mode is required, spec.resources[storage]: Required value]"
    )
    wrong = {"requests": {"storage": "much"}}
    status = refusal(lambda: kube.create_claim("a", "local-path", resources=wrong))
    assert status["code"] == 400
    assert "quantities must match the regular expression" in str(status["message"])


def test_running_pod_is_fixed(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(FOREVER))
    patch = {"spec": {"containers": [{"name": "main", "command": ["true"]}]}}
    status = refusal(lambda: kube.core.patch_namespaced_pod("p", kube.namespace, patch))
    assert status["code"] == 422
    assert "pod updates may not change fields other than" in str(status["message"])


def test_selector_must_match_the_template(kube: Kube) -> None:
    spec = {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "b"}}, "spec": pod_spec("true")},
    }
    body = {"metadata": {"name": "d"}, "spec": spec}
    status = refusal(lambda: kube.apps.create_namespaced_deployment(kube.namespace, body))
    assert status["message"] == (
        'Deployment.apps "d" is invalid: spec.template.metadata.labels: Invalid value: '
        '{"app":"b"}: `selector` does not match template `labels`'
    )


def test_requests_that_the_client_would_not_send(kube: Kube) -> None:
    status, answer = kube.raw("GET", "/api/v1/nosuch")
    assert (status, answer["code"], answer["reason"]) == (404, 404, "NotFound")
    assert answer["message"] == "the server could not find the requested resource"
    pods = f"/api/v1/namespaces/{kube.namespace}/pods"
    status, answer = kube.raw("POST", pods, b'{"kind":"Pod",')
    assert (status, answer["reason"]) == (400, "BadRequest")
    start = "the object provided is unrecognized (must be of type Pod): couldn't get version/kind"
    assert answer["message"].startswith(start)
    other = b'{"kind":"Service","apiVersion":"v1","metadata":{"name":"a"}}'
    status, answer = kube.raw("POST", pods, other)
    assert status == 400
    assert answer["message"] == (
        'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to '
        "(core.Pod): unknown conversion"
    )
    status, answer = kube.raw("POST", pods, b'{"metadata":{"name":"a"},"spec":{}}')
    assert status == 422
    assert answer["message"] == 'Pod "a" is invalid: spec.containers: Required value'


def test_generated_name_and_metadata(kube: Kube) -> None:
    body = {"metadata": {"generateName": "run-"}}
    first = kube.core.create_namespaced_config_map(kube.namespace, body).metadata
    second = kube.core.create_namespaced_config_map(kube.namespace, body).metadata
    assert first.name != second.name
    assert first.name.startswith("run-")
    assert len(first.name) == len("run-xxxxx")
    assert first.uid != second.uid
    assert int(second.resource_version) > int(first.resource_version)


def test_status_is_written_by_its_subresource_only(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(FOREVER))
    before = kube.pod("p", is_ready)
    patch = {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Failed"}}
    after = kube.core.patch_namespaced_pod("p", kube.namespace, patch)
    assert after.metadata.labels == {"a": "b"}
    assert after.status.phase == before.status.phase == "Running"


def test_a_finalizer_holds_what_is_deleted(kube: Kube) -> None:
    kube.core.create_namespaced_config_map(kube.namespace, {"metadata": {"name": "a"}})
    finalizer = {"metadata": {"finalizers": ["example.com/hold"]}}
    held = kube.core.patch_namespaced_config_map("a", kube.namespace, finalizer)
    assert held.metadata.finalizers == ["example.com/hold"]
    kube.core.delete_namespaced_config_map("a", kube.namespace)
    waiting = kube.core.read_namespaced_config_map("a", kube.namespace)
    assert waiting.metadata.deletion_timestamp
    kube.core.patch_namespaced_config_map("a", kube.namespace, {"metadata": {"finalizers": None}})
    status = refusal(lambda: kube.core.read_namespaced_config_map("a", kube.namespace))
    assert status["code"] == 404


def test_cluster_names_its_version_nodes_and_classes(kube: Kube) -> None:
    assert client.VersionApi(kube.api_client).get_code().git_version.startswith("v1.37.")
    nodes = kube.core.list_node().items
    assert [node.metadata.labels["kubernetes.io/hostname"] for node in nodes] == ["w1", "w2", "w3"]
    for node in nodes:
        assert any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)
        assert node.status.node_info.kernel_version
        assert node.status.capacity["memory"].endswith("Ki")
    classes = {c.metadata.name: c for c in kube.storage.list_storage_class().items}
    assert classes["local-path"].volume_binding_mode == "WaitForFirstConsumer"
    assert classes["nfs-client"].volume_binding_mode == "Immediate"
    assert {classes[name].reclaim_policy for name in ("local-path", "nfs-client")} == {"Delete"}


def test_leases_secrets_and_access_reviews_are_served(kube: Kube) -> None:
    coordination: Any = client.CoordinationV1Api(kube.api_client)
    body = {"metadata": {"name": "lock"}, "spec": {"holderIdentity": "me"}}
    coordination.create_namespaced_lease(kube.namespace, body)
    assert coordination.read_namespaced_lease("lock", kube.namespace).spec.holder_identity == "me"
    secret = {"metadata": {"name": "s"}, "data": {"k": "dg=="}}
    kube.core.create_namespaced_secret(kube.namespace, secret)
    assert kube.core.read_namespaced_secret("s", kube.namespace).data == {"k": "dg=="}
    review = {
        "spec": {
            "resourceAttributes": {
                "verb": "create",
                "resource": "pods",
                "namespace": kube.namespace,
            }
        }
    }
    authorization: Any = client.AuthorizationV1Api(kube.api_client)
    assert authorization.create_self_subject_access_review(review).status.allowed is True
