"""A webhook that adds a container to every pod before ours, as a service mesh does it."""

import json
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

from tests.conftest import TINY_FIO, rows_of
from tests.real.account import granted
from tests.real.command import stormark
from tests.real.marks import ON_THIS_MACHINE
from tests.tasks.rights import shipped

ADDRESS = "127.0.0.1"  # of the testbed's API server, too
GOES_ON = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
PLAN = {
    "storage_classes": ["local-path"],
    "fio_file": TINY_FIO,
    "volume_size": "64Mi",
    "rounds": 1,
    "storms": ["container-restart", "pod-delete", "drain"],
    "storm_volumes": ["local", "storage-classes"],
    "hold_seconds": 2,
    "writes_per_second": 20,
}


@ON_THIS_MACHINE
def test_a_night_beside_a_container_that_never_ends(
    admin: client.ApiClient, image: str, tmp_path: Path
) -> None:
    """Each pod has it, in front: no log, exec, state or end is taken from it."""
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        file = tmp_path / "plan.yaml"
        file.write_text(yaml.safe_dump(PLAN | {"image": image}))
        with injecting(admin, kubeconfig.stem, image, tmp_path) as injected:
            words = ("run", "--flow", "nightly", "--plan", str(file), "--results", str(tmp_path))
            ended = stormark(kubeconfig, *words)
    assert ended.returncode == 0, ended.stderr
    rows = rows_of(str(tmp_path), "fio") + rows_of(str(tmp_path), "storms")
    assert [(row["status"], row["error"]) for row in rows] == [("measured", None)] * len(rows)
    assert [row["kept"] for row in rows if "kept" in row] == [True] * 6
    assert len(injected) > len(rows)


@contextmanager
def injecting(
    admin: client.ApiClient, namespace: str, image: str, folder: Path
) -> Iterator[list[str]]:
    """A webhook for the pods of a namespace; yields the names of those that it has changed."""
    proxy = {"name": "istio-proxy", "image": image, "command": ["sh", "-c", GOES_ON]}
    injected: list[str] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            patch = [{"op": "add", "path": "/spec/containers/0", "value": proxy}]
            injected.append(asked["uid"])
            answer = {
                "uid": asked["uid"],
                "allowed": True,
                "patchType": "JSONPatch",
                "patch": b64encode(json.dumps(patch).encode()).decode(),
            }
            review = {
                "apiVersion": "admission.k8s.io/v1",
                "kind": "AdmissionReview",
                "response": answer,
            }
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads them."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))
    with ThreadingHTTPServer((ADDRESS, 0), Webhook) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hooks = client.AdmissionregistrationV1Api(admin)
        hooks.create_mutating_webhook_configuration(
            configuration(namespace, server.server_port, (folder / "hook.crt").read_bytes())
        )
        try:
            yield injected
        finally:
            hooks.delete_mutating_webhook_configuration(namespace)
            server.shutdown()


def configuration(namespace: str, port: int, authority: bytes) -> Any:
    """What has the API server ask the webhook about each new pod of a namespace."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    return {
        "metadata": {"name": namespace},
        "webhooks": [
            {
                "name": "injector.stormark.test",
                "clientConfig": {
                    "url": f"https://{ADDRESS}:{port}/",
                    "caBundle": b64encode(authority).decode(),
                },
                "rules": [pods | {"operations": ["CREATE"]}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of the webhook's own, which the API server is told to trust, and its key."""
    made, key = folder / "hook.crt", folder / "hook.key"
    subject = ("-subj", "/CN=webhook", "-addext", f"subjectAltName=IP:{ADDRESS}")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-out", made, "-keyout", key], check=True, capture_output=True)
    return made, key
