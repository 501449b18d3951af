import shutil
import subprocess
from pathlib import Path

import pytest

MANIFEST = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: by-kubectl}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: by-kubectl}
spec:
  selector: {matchLabels: {app: by-kubectl}}
  template:
    metadata: {labels: {app: by-kubectl}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: busybox
          command: [sh, -c, "trap 'exit 0' TERM; echo up; while true; do sleep 0.1; done"]
          volumeMounts: [{name: data, mountPath: /data}, {name: tmp, mountPath: /scratch}]
      volumes:
        - {name: data, persistentVolumeClaim: {claimName: by-kubectl}}
        - {name: tmp, emptyDir: {}}
"""


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_applies_shows_drains_and_deletes(kubeconfig: Path, tmp_path: Path) -> None:
    def kubectl(*arguments: str, given: str = "") -> str:
        command = ["kubectl", "--kubeconfig", str(kubeconfig), *arguments]
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(MANIFEST)
    kubectl("apply", "-f", str(manifest))
    assert "unchanged" in kubectl("apply", "-f", str(manifest))
    kubectl("rollout", "status", "deployment/by-kubectl", "--timeout=120s")
    selected = ("-l", "app=by-kubectl")
    line = kubectl("get", "pods", "--no-headers", *selected).split()
    assert line[1:4] == ["1/1", "Running", "0"]
    assert "Successfully assigned" in kubectl("describe", "pod", line[0])
    assert kubectl("logs", line[0]) == "up\n"
    assert kubectl("exec", "-i", line[0], "--", "cat", given="sent") == "sent"
    node = kubectl("get", "pod", line[0], "-o", "jsonpath={.spec.nodeName}")
    try:
        drain = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
        assert f"node/{node} drained" in kubectl("drain", node, *drain)
        assert "SchedulingDisabled" in kubectl("get", "node", node)
        assert kubectl("get", "pods", "--no-headers", *selected).split()[2] == "Pending"
    finally:
        kubectl("uncordon", node)
    kubectl("wait", "--for=condition=Ready", "pod", *selected, "--timeout=120s")
    kubectl("delete", "-f", str(manifest), "--timeout=120s")
    assert kubectl("get", "pvc", "by-kubectl", "--ignore-not-found") == ""
