"""The kustomization of `manifests` in a test's own namespace, by an overlay as operators write."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from tasks.kubernetes import manifest


def kubectl(*arguments: str, timeout: float = 300) -> str:
    """The output of a kubectl command on $KUBECONFIG's cluster."""
    done = subprocess.run(
        ["kubectl", *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def own_namespace() -> Iterator[str]:
    """A namespace that admits restricted pods only; removed at the end with all that is in it."""
    name = f"pool-{uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    try:
        security = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
        kubectl("label", "namespace", name, *security)
        yield name
    finally:
        kubectl("delete", "namespace", name, "--ignore-not-found")


def write_overlay(folder: Path, namespace: str, image: str, patches: list[Any]) -> None:
    """A kustomization with another namespace and image; what has no namespace is named after it."""
    name, _, tag = image.rpartition(":")
    clusterwide = [
        {"path": "metadata/name", "kind": kind} for kind in ("ClusterRole", "ClusterRoleBinding")
    ]
    suffix = {
        "apiVersion": "builtin",
        "kind": "SuffixTransformer",
        "metadata": {"name": "suffix"},
        "suffix": f"-{namespace}",
        "fieldSpecs": clusterwide,
    }
    (folder / "suffix.yaml").write_text(yaml.safe_dump(suffix))
    overlay = {
        "namespace": namespace,
        "resources": [os.path.relpath(manifest.FOLDER, folder.resolve())],
        "transformers": ["suffix.yaml"],
        "images": [{"name": "stormark", "newName": name, "newTag": tag}],
        "patches": [{"patch": yaml.safe_dump(patch)} for patch in patches],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))


@contextmanager
def applied(folder: Path) -> Iterator[None]:
    """What a folder's kustomization makes, for the block; its namespace goes with it."""
    kubectl("apply", "-k", str(folder))
    try:
        yield
    finally:
        kubectl("delete", "-k", str(folder), "--ignore-not-found")
