"""A node's kubelet: pods as folders, containers as processes of this machine.

There is no mount namespace: a container's root is a folder, its working directory is
`workingDir` below it, and a volume mounted at /data is `data` in it. So a command reaches its
volumes by paths relative to workingDir `/` (`data/file`), which name the same files on a real
cluster. Any image runs the machine's own programs; one whose registry's name ends in .invalid
(RFC 2606) cannot be pulled. Accepted and not enforced: resources, securityContext (user,
capabilities, seccomp, read-only root), readOnly mounts.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from embedded.node import containers, mounts
from embedded.node.containers import Container, Log, StartError
from embedded.node.mounts import MountError
from embedded.node.recorder import record
from embedded.store import statuses
from embedded.store.objects import (
    Object,
    is_finished,
    is_terminating,
    name_of,
    namespace_of,
    seconds_since,
    uid_of,
)
from embedded.store.resources import CONFIG_MAPS, PODS, VOLUMES
from embedded.store.store import Store

FIRST_BACKOFF_SECONDS = 10.0  # kubelet.go: backOffPeriod; doubled to MaxContainerBackOff
MAX_BACKOFF_SECONDS = 300.0


class Kubelet:
    """All pods of one node."""

    def __init__(self, store: Store, node: str, folder: Path) -> None:
        self.store = store
        self.node = node
        self.folder = folder
        self.on_container_end: Callable[[list[Path]], None] | None = None  # a fault, of tests
        self.workers: dict[str, PodWorker] = {}

    async def run(self) -> None:
        """Start, stop and remove this node's pods for ever."""
        with self.store.watch() as events:
            while True:
                event = await events.get()
                if event.resource is PODS and event.object["spec"].get("nodeName") == self.node:
                    self._handle(event.object, self.store.current(PODS, event.object))
                elif event.resource in {CONFIG_MAPS, VOLUMES}:
                    for worker in self.workers.values():
                        worker.look_again.set()

    def _handle(self, seen: Object, pod: Object | None) -> None:
        """Act on a pod as it is now: None when it is gone, whoever removed it."""
        worker = self.workers.get(uid_of(seen))
        if worker is None and pod and not is_finished(pod) and not is_terminating(pod):
            worker = PodWorker(self, pod)
            self.workers[uid_of(pod)] = worker
            worker.task = asyncio.create_task(worker.run())
        elif worker and pod is None:
            worker.stop(0)
        elif worker and pod and is_terminating(pod):
            worker.stop(pod["metadata"]["deletionGracePeriodSeconds"])
        elif pod and is_terminating(pod):
            self.store.delete(PODS, pod, grace=0)

    def kept_folders(self) -> list[Path]:
        """The volumes of this node's pods that outlive them."""
        return [path for worker in self.workers.values() for path in worker.kept_folders()]

    def forget(self, worker: "PodWorker") -> None:
        """Remove a pod that has ended after its deletion: its folder, and the object if any."""
        shutil.rmtree(worker.folder, ignore_errors=True)
        self.workers.pop(uid_of(worker.pod), None)

    async def shut_down(self) -> None:
        """Kill every container and wait until they are gone."""
        for worker in self.workers.values():
            worker.stop(0)
        tasks = [worker.task for worker in self.workers.values() if worker.task]
        await asyncio.gather(*tasks, return_exceptions=True)


class PodWorker:
    """One pod from its arrival on the node to its end."""

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        self.kubelet = kubelet
        self.store = kubelet.store
        self.pod = pod
        self.folder = kubelet.folder / "pods" / uid_of(pod)
        self.volumes: dict[str, Path] | None = None
        self.look_again = asyncio.Event()
        self.stopping = asyncio.Event()
        self.deadline = 0.0
        self.states = {c["name"]: statuses.new(c) for c in pod["spec"]["containers"]}
        self.running: dict[str, Container] = {}
        self.logs: dict[str, list[Log]] = {name: [] for name in self.states}
        self.task: asyncio.Task[None] | None = None
        self._kill_timer: asyncio.TimerHandle | None = None

    def stop(self, grace: float) -> None:
        """End the containers: TERM now, KILL after grace seconds; a shorter grace wins."""
        loop = asyncio.get_running_loop()
        if not self.stopping.is_set():
            self.stopping.set()
            shared = bool(self.pod["spec"].get("shareProcessNamespace"))
            for name, container in self.running.items():
                self.tell("Killing", f"Stopping container {name}", container=name)
                container.terminate(shared=shared)
        elif loop.time() + grace >= self.deadline:
            return
        self.deadline = loop.time() + grace
        if self._kill_timer:
            self._kill_timer.cancel()
        self._kill_timer = loop.call_later(grace, self._kill)

    def _kill(self) -> None:
        for container in self.running.values():
            container.kill()

    async def run(self) -> None:
        """Mount, run all containers to their end, and go when the pod is deleted."""
        self.publish()
        self.volumes = await self._mount()
        if self.volumes is not None:
            self.publish()
            specs = self.pod["spec"]["containers"]
            await asyncio.gather(*(self._run_container(spec, self.volumes) for spec in specs))
        self.publish(ended=True)
        await self.stopping.wait()
        if self._kill_timer:
            self._kill_timer.cancel()
        self.kubelet.forget(self)
        if current := self.store.current(PODS, self.pod):
            self.store.delete(PODS, current, grace=0)

    def publish(self, *, ended: bool = False) -> None:
        """Write the pod's status as the containers are."""
        current = self.store.current(PODS, self.pod)
        if current and not is_finished(current):
            states = list(self.states.values())
            mounted = self.volumes is not None

            def write(new: Object) -> None:
                statuses.write(new, states, mounted=mounted, ended=ended)

            self.store.change(PODS, current, write)

    def tell(
        self, reason: str, message: str, *, container: str = "", warning: bool = False
    ) -> None:
        """Record an event about the pod or one of its containers."""
        if current := self.store.current(PODS, self.pod):
            record(
                self.store, PODS, current, reason, message,
                component="kubelet", warning=warning, node=self.kubelet.node,
                field=f"spec.containers{{{container}}}" if container else "",
            )  # fmt: skip

    async def _mount(self) -> dict[str, Path] | None:
        """The pod's volumes as soon as all are there; None when the pod is to stop before."""
        while not self.stopping.is_set():
            self.look_again.clear()
            try:
                return mounts.mount(self.store, self.pod, self.kubelet.folder, self.folder)
            except MountError as error:
                self.tell("FailedMount", str(error), warning=True)
            await self._until_stopped(self.look_again.wait())
        return None

    async def _until_stopped(self, other: Awaitable[object]) -> None:
        """Wait for something else, but no longer than until the pod is to stop."""
        tasks = [asyncio.ensure_future(other), asyncio.ensure_future(self.stopping.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    async def _run_container(self, spec: Object, volumes: dict[str, Path]) -> None:
        """Run a container, again and again as the restart policy says."""
        name, state = spec["name"], self.states[spec["name"]]
        if not await self._pull(spec, state):
            return
        backoff = 0.0
        while not self.stopping.is_set():
            code = await self._run_once(spec, state, volumes)
            policy = self.pod["spec"]["restartPolicy"]
            if self.stopping.is_set() or policy == "Never" or (policy == "OnFailure" and not code):
                return
            if seconds_since(state["state"]["terminated"]["startedAt"]) > 2 * MAX_BACKOFF_SECONDS:
                backoff = 0.0  # it ran well for long: as the kubelet, begin anew
            if backoff:
                pod = f"{name_of(self.pod)}_{namespace_of(self.pod)}({uid_of(self.pod)})"
                failed = f"{_duration(backoff)} restarting failed container={name} pod={pod}"
                statuses.back_off(state, "CrashLoopBackOff", f"back-off {failed}")
                self.publish()
                message = f"Back-off restarting failed container {name} in pod {pod}"
                self.tell("BackOff", message, container=name, warning=True)
                await self._until_stopped(asyncio.sleep(backoff))
            backoff = min(MAX_BACKOFF_SECONDS, 2 * backoff or FIRST_BACKOFF_SECONDS)

    async def _run_once(self, spec: Object, state: Object, volumes: dict[str, Path]) -> int:
        """Run a container to its end; its exit code."""
        name = spec["name"]
        here = self.folder / name
        mounts.make_root(spec, volumes, here / "root")
        log = Log(here / f"{len(self.logs[name])}.log")
        self.logs[name].append(log)
        present = f'Container image "{spec["image"]}" already present on machine'
        self.tell("Pulled", present, container=name)
        try:
            node = self.kubelet.node
            container = await containers.start(self.pod, spec, here / "root", log, node)
        except StartError as error:
            log.close()
            self.tell("Failed", f"Error: {error}", container=name, warning=True)
            statuses.terminate(state, 128, reason="StartError", message=str(error))
            self.publish()
            return 128
        self.running[name] = container
        if self.stopping.is_set():  # deleted while the process was being made
            container.kill()
        statuses.run(state)
        self.tell("Created", f"Created container: {name}", container=name)
        self.tell("Started", f"Started container {name}", container=name)
        self.publish()
        code = await container.ended
        if self.kubelet.on_container_end:
            self.kubelet.on_container_end(self.kept_folders())
        del self.running[name]
        statuses.terminate(state, code)
        self.publish()
        return code

    def kept_folders(self) -> list[Path]:
        """The pod's claims and hostPaths, where they are."""
        kinds = {"persistentVolumeClaim", "hostPath"}
        volumes = self.pod["spec"].get("volumes") or []
        return [self.volumes[v["name"]] for v in volumes if self.volumes and kinds & set(v)]

    async def _pull(self, spec: Object, state: Object) -> bool:
        """Whether the image can be had; waits with back-off until the pod stops if it cannot."""
        image, name = spec["image"], spec["name"]
        registry = image.partition("/")[0].partition(":")[0]
        if not registry.endswith(".invalid"):
            return True
        failure = (
            f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
            f'failed to do request: Head "https://{registry}/v2/": dial tcp: lookup {registry}: '
            "no such host"
        )
        backoff = FIRST_BACKOFF_SECONDS
        while not self.stopping.is_set():
            self.tell("Pulling", f'Pulling image "{image}"', container=name)
            for problem in (f'Failed to pull image "{image}": {failure}', "Error: ErrImagePull"):
                self.tell("Failed", problem, container=name, warning=True)
            statuses.wait(state, "ErrImagePull", failure)
            self.publish()
            await asyncio.sleep(0)  # a watcher may see ErrImagePull before the back-off
            self.tell("BackOff", f'Back-off pulling image "{image}"', container=name)
            self.tell("Failed", "Error: ImagePullBackOff", container=name, warning=True)
            message = f'Back-off pulling image "{image}": ErrImagePull: {failure}'
            statuses.wait(state, "ImagePullBackOff", message)
            self.publish()
            await self._until_stopped(asyncio.sleep(backoff))
            backoff = min(MAX_BACKOFF_SECONDS, 2 * backoff)
        return False


def _duration(seconds: float) -> str:
    """Seconds as Go prints a time.Duration: 40s, 2m40s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
