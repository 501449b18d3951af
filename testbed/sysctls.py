"""The settings of this machine's kernel that kubelets write, which no namespace keeps apart."""

import json
from pathlib import Path

from . import state

PROC = Path("/proc/sys")
# setupKernelTunables in kubelet's pkg/kubelet/cm/container_manager_linux.go
NAMES = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def save() -> None:
    """Note them once, before the first kubelet runs."""
    if state.SYSCTLS.exists():
        return
    fresh = state.SYSCTLS.with_suffix(".new")
    fresh.write_text(json.dumps({name: (PROC / name).read_text().strip() for name in NAMES}))
    fresh.rename(state.SYSCTLS)


def restore() -> None:
    """Write back what was noted, when no kubelet runs; again, if that was cut short."""
    if state.SYSCTLS.exists():
        for name, value in json.loads(state.SYSCTLS.read_text()).items():
            (PROC / name).write_text(value)
    state.SYSCTLS.with_suffix(".new").unlink(missing_ok=True)
    state.SYSCTLS.unlink(missing_ok=True)
