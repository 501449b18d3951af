from starlette.types import ASGIApp

from embedded.__main__ import main
from embedded.node.kubelet import Kubelet
from embedded.server import api
from embedded.store.store import Store
from tests.embedded.faulty.faults import FaultMiddleware
from tests.embedded.faulty.losses import Losses


def application(store: Store, kubelets: dict[str, Kubelet]) -> ASGIApp:
    """The API server behind the faults that tests set, and kubelets that can lose writes."""
    losses = Losses(lambda: [path for k in kubelets.values() for path in k.kept_folders()])
    for kubelet in kubelets.values():
        kubelet.on_container_end = losses.strike
    return FaultMiddleware(api.application(store, kubelets), losses)


main(application)
