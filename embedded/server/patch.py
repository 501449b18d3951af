"""Two kinds of PATCH: merge patch, and the strategic merge patch that clients send by default."""

import copy

from embedded.store import errors
from embedded.store.objects import Object

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"

# The patchMergeKey of the lists in the served types (k8s.io/api, struct tags).
MERGE_KEYS = {
    "containers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "conditions": "type",
    "taints": "key",
    "ownerReferences": "uid",
}


def patched(obj: Object, patch: object, content_type: str) -> Object:
    """A changed copy of the object; ApiError 400 or 415 when the patch cannot be applied."""
    result = copy.deepcopy(obj)
    if not isinstance(patch, dict):
        raise errors.bad_request("the patch must be an object")
    if content_type == MERGE_PATCH:
        return merge(result, patch)
    if content_type == STRATEGIC_PATCH:
        return strategic(result, patch)
    raise errors.ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def merge(target: object, patch: Object) -> Object:
    """RFC 7396."""
    result: Object = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value) if isinstance(value, dict) else value
    return result


def strategic(target: object, patch: Object) -> Object:
    """A merge in which lists of named things are merged by name; $patch: delete is obeyed."""
    result: Object = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name) or [] if item not in value]
        elif key.startswith("$"):
            continue  # $setElementOrder, $retainKeys: the order of a list carries no meaning here
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = strategic(result.get(key), value)
        elif isinstance(value, list) and key in MERGE_KEYS:
            result[key] = merge_list(result.get(key) or [], value, MERGE_KEYS[key])
        elif key == "finalizers":
            result[key] = list(dict.fromkeys([*(result.get(key) or []), *value]))
        else:
            result[key] = value
    return result


def merge_list(target: list[Object], patch: list[Object], key: str) -> list[Object]:
    """Merge the entries of two lists that have the same key; $patch: delete removes one."""
    merged = {entry.get(key): entry for entry in target}
    for entry in patch:
        if entry.get("$patch") == "delete":
            merged.pop(entry.get(key), None)
        else:
            merged[entry.get(key)] = strategic(merged.get(entry.get(key)), entry)
    return list(merged.values())
