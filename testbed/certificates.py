"""The cluster's certificates, and a token for each of its users."""

import csv
import secrets
import shutil
from base64 import b64encode
from pathlib import Path

import yaml

from . import state
from .shell import run
from .state import GATEWAY

API = f"https://{GATEWAY}:6443"
MOST_NODES = 9
ADMIN = "admin"
# User to group, as in a file of static tokens.
USERS = {
    ADMIN: "system:masters",
    "local-path-provisioner": "system:masters",
    "csi-sidecars": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "system:kube-proxy": "",
} | {f"system:node:w{i}": "system:nodes" for i in range(1, MOST_NODES + 1)}
_NAMES = f"IP:{GATEWAY},IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc"


def make() -> None:
    """Make them once, in a folder that appears when it is complete."""
    if state.PKI.exists():
        return
    fresh = state.PKI.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    run("openssl", "genrsa", "-out", fresh / "sa.key", "2048")
    run("openssl", "rsa", "-in", fresh / "sa.key", "-pubout", "-out", fresh / "sa.pub")
    new_key = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
    ca = ("-keyout", fresh / "ca.key", "-out", fresh / "ca.crt")
    run(*new_key, "-x509", "-days", "3650", "-subj", "/CN=stormark-testbed-ca", *ca)
    request = ("-keyout", fresh / "api.key", "-out", fresh / "api.csr")
    run(*new_key, "-subj", "/CN=kube-apiserver", *request)
    (fresh / "api.ext").write_text(f"subjectAltName={_NAMES}")
    signer = ("-CA", fresh / "ca.crt", "-CAkey", fresh / "ca.key", "-CAcreateserial")
    names = ("-days", "3650", "-extfile", fresh / "api.ext")
    signed = ("-in", fresh / "api.csr", "-out", fresh / "api.crt")
    run("openssl", "x509", "-req", *signer, *names, *signed)
    with (fresh / "tokens.csv").open("w", newline="") as file:
        rows = ([secrets.token_hex(16), user, user, group] for user, group in USERS.items())
        csv.writer(file).writerows(rows)
    fresh.rename(state.PKI)


def write_kubeconfig(path: Path, user: str) -> Path:
    """Write a kubeconfig for one of USERS; only its owner may read it."""
    with (state.PKI / "tokens.csv").open(newline="") as file:
        tokens = {row[1]: row[0] for row in csv.reader(file)}
    ca = b64encode((state.PKI / "ca.crt").read_bytes()).decode()
    cluster = {"server": API, "certificate-authority-data": ca}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": tokens[user]}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path
