"""A pod's status as the kubelet writes it: container states, phase and conditions."""

import copy
from uuid import uuid4

from embedded.store.objects import Object, now, set_condition

IP = "127.0.0.1"


def new(container: Object) -> Object:
    """The status of a container that has not been started."""
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": "ContainerCreating"}},
        "lastState": {},
    }


def wait(status: Object, reason: str, message: str) -> None:
    """The container waits, e.g. for its image."""
    status["state"] = {"waiting": {"reason": reason, "message": message}}


def back_off(status: Object, reason: str, message: str) -> None:
    """The container waits for its next start; its end becomes the last state."""
    status["lastState"] = status["state"]
    wait(status, reason, message)


def run(status: Object) -> None:
    """The container has started, for the first time or again."""
    if "terminated" in status["state"]:
        status["lastState"] = status["state"]
    if status["lastState"]:
        status["restartCount"] += 1
    container_id = f"embedded://{uuid4().hex}"
    status |= {"containerID": container_id, "imageID": status["image"]}
    status |= {"ready": True, "started": True, "state": {"running": {"startedAt": now()}}}


def terminate(status: Object, code: int, reason: str = "", message: str = "") -> None:
    """The container has ended with an exit code."""
    started = status["state"].get("running", {}).get("startedAt", now())
    ended = {
        "exitCode": code,
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": started,
        "finishedAt": now(),
        **({"message": message} if message else {}),
        **({"containerID": status["containerID"]} if "containerID" in status else {}),
    }
    status |= {"ready": False, "started": False, "state": {"terminated": ended}}


def write(pod: Object, containers: list[Object], *, mounted: bool, ended: bool) -> None:
    """Put the containers' statuses, and the phase and conditions they mean, into the pod."""
    status = pod["status"]
    status["containerStatuses"] = copy.deepcopy(containers)
    status.setdefault("startTime", now())
    status |= {"hostIP": IP, "hostIPs": [{"ip": IP}]}
    if any("containerID" in container for container in containers):
        status |= {"podIP": IP, "podIPs": [{"ip": IP}]}
    status["phase"] = phase = _phase(containers, ended=ended)
    set_condition(status, {"type": "PodScheduled", "status": "True"})
    reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase)
    because = {"reason": reason} if reason else {}
    sandbox = str(mounted and not ended)  # it is made after the volumes, and goes at the end
    set_condition(status, {"type": "PodReadyToStartContainers", "status": sandbox})
    initialized = because if phase == "Succeeded" else {}
    set_condition(status, {"type": "Initialized", "status": "True"} | initialized)
    not_ready = [container["name"] for container in containers if not container["ready"]]
    if not_ready and not because:
        message = f"containers with unready status: [{' '.join(not_ready)}]"
        because = {"reason": "ContainersNotReady", "message": message}
    for kind in ("Ready", "ContainersReady"):
        set_condition(status, {"type": kind, "status": str(not not_ready)} | because)


def _phase(containers: list[Object], *, ended: bool) -> str:
    """Pending until every container ran once; finished when none will run again."""
    if not ended:
        waiting = all(
            "waiting" in container["state"] and not container["lastState"]
            for container in containers
        )
        return "Pending" if waiting else "Running"
    codes = [c["state"]["terminated"]["exitCode"] for c in containers if "terminated" in c["state"]]
    return "Succeeded" if len(codes) == len(containers) and not any(codes) else "Failed"
