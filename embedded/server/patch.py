"""The four kinds of PATCH: JSON patch, merge patch, strategic merge patch, server-side apply.

Server-side apply is a strategic merge that creates what is not there; field managers and
their conflicts are not kept.
"""

import copy

import jsonpatch

from embedded.store import errors
from embedded.store.objects import Object

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

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
    """A changed copy of the object; ApiError 400, 415 or 422 when the patch cannot be applied."""
    result = copy.deepcopy(obj)
    if content_type == JSON_PATCH and isinstance(patch, list):
        try:
            return dict(jsonpatch.apply_patch(result, patch))
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            message = f"the server rejected our request due to an error in our request: {error}"
            raise errors.ApiError(422, "Invalid", message, {}) from error
    if not isinstance(patch, dict):
        raise errors.bad_request("the patch must be an object, or a list for a JSON patch")
    if content_type == MERGE_PATCH:
        return merge(result, patch)
    if content_type in {STRATEGIC_PATCH, APPLY_PATCH}:
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
