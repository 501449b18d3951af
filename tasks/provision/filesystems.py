"""Filesystems, by what their names tell."""

RAM_FILESYSTEMS = ("tmpfs", "ramfs", "devtmpfs", "hugetlbfs")


def memory_backed(filesystem: str | None) -> bool:
    """The filesystem lives in the node's memory: its figures are those of RAM."""
    return filesystem in RAM_FILESYSTEMS
