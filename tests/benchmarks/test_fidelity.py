"""fio run directly, beside stormark's own way, on files that lie in a volume."""

from pathlib import Path

from benchmarks.fidelity import directly
from tasks.plan.job_file import prepare
from tasks.plan.plan import Plan


def test_the_files_are_those_of_the_volume(tmp_path: Path) -> None:
    """It uses what was laid out there, makes no file of its own, and gives figures of each job."""
    plan = Plan(profile="quick", volume_size="64Mi", runtime_seconds=1, ramp_seconds=0)
    workload = prepare(plan)
    for path, size in workload.layout.items():
        (tmp_path / Path(path).name).write_bytes(b"x" * size)
    before = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    figures = directly(tmp_path, workload, "psync")
    assert figures.keys() == {"read_iops", "write_iops", "read_bw", "write_bw"}
    assert all(iops > 0 for iops in figures.values())
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == before
