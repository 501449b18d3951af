"""A pod's volumes: folders below the node's, linked into each container's root."""

import shutil
from pathlib import Path

from embedded.store.objects import Object, namespace_of
from embedded.store.resources import CLAIMS, CONFIG_MAPS, VOLUMES
from embedded.store.store import Store


class MountError(Exception):
    """A volume cannot be mounted yet; the message is the kubelet's."""


def mount(store: Store, pod: Object, node_folder: Path, pod_folder: Path) -> dict[str, Path]:
    """The path of each of the pod's volumes by name; MountError when one is not there."""
    return {
        volume["name"]: _source(store, pod, volume, node_folder, pod_folder)
        for volume in pod["spec"].get("volumes") or []
    }


def _source(store: Store, pod: Object, volume: Object, node: Path, pod_folder: Path) -> Path:
    name = volume["name"]
    own = pod_folder / "volumes" / str(name)
    if "emptyDir" in volume:
        own.mkdir(parents=True, exist_ok=True)
        return own
    if "configMap" in volume:
        config_map(store, namespace_of(pod), name, volume["configMap"], own)
        return own
    if "hostPath" in volume:
        return host_path(name, volume["hostPath"], node)
    claim = store.get(CLAIMS, namespace_of(pod), volume["persistentVolumeClaim"]["claimName"])
    spec = store.get(VOLUMES, "", claim["spec"]["volumeName"])["spec"]
    volume_name = claim["spec"]["volumeName"]
    if "local" not in spec:
        return host_path(volume_name, spec["hostPath"], node)
    path = node / str(spec["local"]["path"]).lstrip("/")
    if not path.exists():
        what = f'path "{spec["local"]["path"]}" does not exist'
        raise MountError(
            f'MountVolume.NewMounter initialization failed for volume "{volume_name}" : {what}'
        )
    return path


def host_path(name: str, source: Object, node: Path) -> Path:
    """A path below the node's folder; created or checked as the hostPath's type says."""
    kind = source.get("type") or ""
    path = node / str(source["path"]).lstrip("/")
    if kind == "DirectoryOrCreate" or not kind:
        path.mkdir(parents=True, exist_ok=True)  # without a type the runtime makes the folder
    if kind == "Directory" and not path.is_dir():
        seen = (
            ": {0} is not a directory, it's a File"
            if path.exists()
            else ', {0} is not a directory, unable to determine its type: path "{0}" does not exist'
        )
        what = "hostPath type check failed" + seen.format(source["path"])
        raise MountError(f'MountVolume.SetUp failed for volume "{name}" : {what}')
    return path


def config_map(store: Store, namespace: str, name: str, source: Object, folder: Path) -> None:
    """Write a ConfigMap's keys as files; MountError when it is missing."""
    found = store.find(CONFIG_MAPS, namespace, source["name"])
    folder.mkdir(parents=True, exist_ok=True)
    if found is None:
        what = f'configmap "{source["name"]}" not found'
        raise MountError(f'MountVolume.SetUp failed for volume "{name}" : {what}')
    data = found.get("data") or {}
    items = source.get("items") or [{"key": key, "path": key} for key in data]
    for item in items:
        if item["key"] not in data:
            what = f"configmap references non-existent config key: {item['key']}"
            raise MountError(f'MountVolume.SetUp failed for volume "{name}" : {what}')
        path = folder / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data[item["key"]])
        path.chmod(item.get("mode") or source["defaultMode"])


def make_root(container: Object, volumes: dict[str, Path], root: Path) -> None:
    """An empty root folder with a link at each mountPath; kept files of an earlier run go."""
    shutil.rmtree(root, ignore_errors=True)  # links are removed, not followed
    root.mkdir(parents=True)
    for entry in container.get("volumeMounts") or []:
        link = root / entry["mountPath"].strip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        target = volumes[entry["name"]].resolve() / entry.get("subPath", "")
        target.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
