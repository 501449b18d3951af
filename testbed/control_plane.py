"""The control plane, on the host itself: etcd, API server, controller manager and scheduler."""

from pathlib import Path

from . import certificates, processes, state
from .shell import run, wait_for
from .state import GATEWAY, LOOPBACK

_ETCD, _ETCD_PEER = f"http://{LOOPBACK}:12379", f"http://{LOOPBACK}:12380"


def start() -> None:
    """Start what does not run yet, and wait until the API server answers."""
    _start_etcd()
    _start_api_server()
    certificates.write_kubeconfig(state.KUBECONFIG, certificates.ADMIN)
    wait_for(
        "the API server was ready",
        lambda: kubectl("get", "--raw", "/readyz") == "ok",
        120,
        f"{state.LOG}/kube-apiserver and {state.LOG}/etcd",
    )
    sa_key = state.PKI / "sa.key"
    _start_controller(
        "kube-controller-manager",
        f"--service-account-private-key-file={sa_key}",
        f"--root-ca-file={state.PKI / 'ca.crt'}",
        "--use-service-account-credentials",
        "--allocate-node-cidrs=false",
        "--node-monitor-grace-period=20s",  # a lost node is noticed sooner than in 50 s
    )
    _start_controller("kube-scheduler")


def kubectl(*arguments: str | Path, text: str | None = None) -> str:
    """The output of kubectl as the cluster's administrator."""
    return run("kubectl", "--kubeconfig", state.KUBECONFIG, *arguments, text=text)


def apply(manifests: str) -> None:
    """Create or change the objects of some YAML documents."""
    kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", text=manifests)


def _start_etcd() -> None:
    processes.start(
        "etcd",
        state.KUBE,
        "etcd",
        f"--data-dir={state.ETCD}",
        "--name=testbed",
        "--unsafe-no-fsync",  # its data ends with the testbed
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        f"--listen-peer-urls={_ETCD_PEER}",
        f"--initial-advertise-peer-urls={_ETCD_PEER}",
        f"--initial-cluster=testbed={_ETCD_PEER}",
        "--log-level=warn",
    )


def _start_api_server() -> None:
    pki = state.PKI
    processes.start(
        "kube-apiserver",
        state.KUBE,
        "kube-apiserver",
        f"--etcd-servers={_ETCD}",
        f"--bind-address={GATEWAY}",
        f"--advertise-address={GATEWAY}",
        "--secure-port=6443",
        f"--tls-cert-file={pki / 'api.crt'}",
        f"--tls-private-key-file={pki / 'api.key'}",
        f"--token-auth-file={pki / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
    )


def _start_controller(name: str, *flags: str) -> None:
    config = certificates.write_kubeconfig(state.PKI / f"{name}.kubeconfig", f"system:{name}")
    processes.start(
        name,
        state.KUBE,
        name,
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        f"--bind-address={LOOPBACK}",
        "--leader-elect=false",
        "--profiling=false",
        *flags,
    )
