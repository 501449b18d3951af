"""The command `stormark` on a real cluster, as a person types it."""

import os
import subprocess
import sys
from pathlib import Path


def stormark(kubeconfig: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it with a kubeconfig, in the namespace of its account."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("stormark")), *words, "--namespace", kubeconfig.stem],
        env=os.environ | {"KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
