"""The work pool in a cluster: `python -m flows.pool`, in the worker's pod, makes it and deploys.

Flow runs get that pod's image and namespace, so that each is said once, to kustomize.
"""

import json
import os
import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.up import NotUp, Place, prefect
from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import manifest, verbs
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.plan.plan import NAMESPACE

TEMPLATE = manifest.FOLDER / "prefect/base-job-template.json"


def main() -> None:
    """Make or update the work pool and the deployments of the server that PREFECT_API_URL names."""
    try:
        pod = verbs.get(k8s.connect(None, NAMESPACE), "Pod", platform.node())
        with TemporaryDirectory() as folder:
            file = Path(folder, "template.json")
            file.write_text(json.dumps(template_for(pod)))
            here = Place(os.environ["PREFECT_API_URL"], Path(folder), dict(os.environ))
            create = ("work-pool", "create", "stormark", "--type", "kubernetes", "--overwrite")
            prefect(here, *create, "--base-job-template", str(file))
            prefect(here, "--no-prompt", "deploy", "--all")
    except (ClusterError, NotUp) as error:
        sys.exit(str(error))


def template_for(pod: Obj) -> dict[str, Any]:
    """The base job template with a pod's image and namespace as what flow runs have."""
    template: dict[str, Any] = json.loads(TEMPLATE.read_text())
    properties = template["variables"]["properties"]
    properties["image"]["default"] = pod["spec"]["containers"][0]["image"]
    properties["namespace"]["default"] = pod["metadata"]["namespace"]
    return template


if __name__ == "__main__":
    main()
