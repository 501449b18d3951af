import pytest
from kubernetes.client.exceptions import ApiException

from .kube import FOREVER, Kube, has_condition, is_ready, pod_spec


def conditions(job: object) -> dict[str, tuple[str, str]]:
    found = job.status.conditions  # type: ignore[attr-defined]
    return {c.type: (c.reason, c.message) for c in found}


def test_job_completes(kube: Kube) -> None:
    kube.create_job("j", "true", backoffLimit=0)
    job = kube.job("j", "Complete")
    reached = ("CompletionsReached", "Reached expected number of succeeded pods")
    assert conditions(job) == {"SuccessCriteriaMet": reached, "Complete": reached}
    status = job.status
    assert (status.succeeded, status.failed, status.active) == (1, None, None)
    assert status.completion_time >= status.start_time
    assert kube.event("j", "Completed").message == "Job completed"
    for label in ("job-name", "batch.kubernetes.io/job-name"):
        (pod,) = kube.pods(lambda pods: pods, label_selector=f"{label}=j")
        assert pod.metadata.owner_references[0].uid == job.metadata.uid
        assert not pod.metadata.finalizers


def test_job_fails_at_its_backoff_limit(kube: Kube) -> None:
    kube.create_job("j", "exit 3", backoffLimit=0)
    job = kube.job("j", "Failed")
    reached = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert conditions(job) == {"FailureTarget": reached, "Failed": reached}
    assert (job.status.succeeded, job.status.failed, job.status.active) == (None, 1, None)
    assert job.status.completion_time is None
    assert kube.event("j", "BackoffLimitExceeded").type == "Warning"


def test_job_is_ended_at_its_deadline(kube: Kube) -> None:
    kube.create_job("j", FOREVER, activeDeadlineSeconds=1)
    job = kube.job("j", "Failed")
    reached = ("DeadlineExceeded", "Job was active longer than specified deadline")
    assert conditions(job) == {"FailureTarget": reached, "Failed": reached}
    assert job.status.failed == 1
    kube.event("j", "DeadlineExceeded")
    kube.event("j", "SuccessfulDelete")
    kube.pods(lambda pods: not pods)


def test_finished_job_goes_when_its_time_is_over(kube: Kube) -> None:
    kube.create_job("j", "true", ttlSecondsAfterFinished=1)
    kube.job("j", "Complete")
    kube.wait(kube.batch.list_namespaced_job, lambda jobs: not jobs)
    kube.pods(lambda pods: not pods)


def test_deleted_pod_of_a_job_counts_as_failed(kube: Kube) -> None:
    kube.create_job("j", "while true; do sleep 0.1; done", backoffLimit=0)  # killed, so never 0
    (pod,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    kube.core.delete_namespaced_pod(pod.metadata.name, kube.namespace)
    job = kube.job("j", "Failed")
    assert conditions(job)["Failed"][0] == "BackoffLimitExceeded"
    assert job.status.failed == 1


def test_forcibly_deleted_pod_of_a_job_is_replaced_within_the_limit(kube: Kube) -> None:
    # one that ends well when it is told to completes the job, if the kubelet says so soon enough
    kube.create_job("j", "trap 'exit 1' TERM; while true; do sleep 0.1; done", backoffLimit=1)
    (first,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    kube.core.delete_namespaced_pod(first.metadata.name, kube.namespace, grace_period_seconds=0)
    kube.pods(lambda pods: any(is_ready(p) and p.metadata.uid != first.metadata.uid for p in pods))
    job = kube.batch.read_namespaced_job("j", kube.namespace)
    assert not has_condition(job, "Failed")
    assert job.status.failed == 1


def test_deleted_job_leaves_its_pods_unless_told_otherwise(kube: Kube) -> None:
    kube.create_job("kept", FOREVER)
    kube.create_job("swept", FOREVER)
    kube.pods(lambda pods: len(pods) == 2 and all(map(is_ready, pods)))
    kube.batch.delete_namespaced_job("kept", kube.namespace)
    background = {"propagationPolicy": "Background"}
    kube.batch.delete_namespaced_job("swept", kube.namespace, body=background)
    (left,) = kube.pods(lambda pods: len(pods) == 1 and pods)
    orphaned = kube.pod(left.metadata.name, lambda p: not p.metadata.owner_references)
    assert orphaned.metadata.generate_name == "kept-"
    assert is_ready(orphaned)


def test_foreground_deletion_waits_for_the_pods(kube: Kube) -> None:
    no_handler = "while true; do sleep 0.1; done"
    kube.create_job("j", no_handler, {"terminationGracePeriodSeconds": 60})
    (pod,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    foreground = {"propagationPolicy": "Foreground"}
    kube.batch.delete_namespaced_job("j", kube.namespace, body=foreground)
    job = kube.batch.read_namespaced_job("j", kube.namespace)
    assert job.metadata.finalizers == ["foregroundDeletion"]
    kube.core.delete_namespaced_pod(pod.metadata.name, kube.namespace, grace_period_seconds=0)
    kube.wait(kube.batch.list_namespaced_job, lambda jobs: not jobs)
    assert kube.core.list_namespaced_pod(kube.namespace).items == []


def test_template_of_a_job_is_fixed(kube: Kube) -> None:
    kube.create_job("j", "true")
    template = {"spec": pod_spec("false", restartPolicy="Never")}
    with pytest.raises(ApiException) as refused:
        kube.batch.patch_namespaced_job("j", kube.namespace, {"spec": {"template": template}})
    assert refused.value.status == 422
    assert "field is immutable" in str(refused.value.body)


def test_restart_policy_of_a_job_must_be_given(kube: Kube) -> None:
    with pytest.raises(ApiException) as refused:
        kube.create_job("j", "true", {"restartPolicy": "Always"})
    assert refused.value.status == 422
    expected = "spec.template.spec.restartPolicy: Required value: valid values:"
    assert expected in str(refused.value.body)
