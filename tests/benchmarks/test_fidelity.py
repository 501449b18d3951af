"""fio run directly, beside stormark's own way, on files that lie in a volume."""

from pathlib import Path

from benchmarks.fidelity import directly
from tasks.plan.job_file import prepare
from tasks.plan.plan import Plan


def test_the_files_are_those_of_the_volume(tmp_path: Path) -> None:
    """It reads what was laid out there, makes no file of its own, and gives figures of each job."""
    text = "[global]\nsize=64k\n[a]\nrw=read\n[b]\nstonewall\nrw=randread\n"
    workload = prepare(Plan(fio_file=text, volume_size="64Mi"))
    for path, size in workload.layout.items():
        (tmp_path / Path(path).name).write_bytes(b"x" * size)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    figures = directly(tmp_path, workload, "psync")
    assert figures.keys() == {"a", "b"}
    assert all(iops > 0 for iops in figures.values())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
