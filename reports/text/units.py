"""Figures as a person reads them: three significant digits, k, MiB/s, µs and ms."""

from math import floor, log10

from reports.data.stats import Estimate

Scales = tuple[tuple[float, str], ...]  # factor and suffix, the smallest first

COUNT: Scales = ((1, ""), (1e3, " k"), (1e6, " M"))
MIB: Scales = ((2**20, ""),)
LATENCY: Scales = ((1e3, " µs"), (1e6, " ms"), (1e9, " s"))
SECONDS: Scales = ((1e-3, " ms"), (1, " s"))
SIZE: Scales = ((1, " B"), (2**10, " KiB"), (2**20, " MiB"), (2**30, " GiB"), (2**40, " TiB"))


def quantity(value: float, scales: Scales) -> str:
    """`value` in the largest scale that it reaches: `12.3 k`, `845 µs`."""
    factor, suffix, decimals = _scale(value, scales)
    return f"{value / factor:,.{decimals}f}{suffix}"


def interval(estimate: Estimate, scales: Scales) -> str:
    """The range in the scale of its figure, as in `[11.9 – 12.8]`; empty for a single figure."""
    if estimate.low is None or estimate.high is None:
        return ""
    factor, _, decimals = _scale(estimate.value, scales)
    low, high = estimate.low / factor, estimate.high / factor
    return f"[{low:,.{decimals}f} – {high:,.{decimals}f}]"


def block(size: int) -> str:
    """A block size in fio's short form: 4096 is `4K`, 1048576 is `1M`, 2300 is `2300 B`."""
    for factor, suffix in ((2**20, "M"), (2**10, "K")):
        if size >= factor and size % factor == 0:
            return f"{size // factor}{suffix}"
    return f"{size} B"


def size(value: float | None) -> str:
    """Bytes in the largest binary unit: `4 GiB`, `23.5 GiB`; empty for None."""
    if value is None:
        return ""
    factor, suffix = ([scale for scale in SIZE if value >= scale[0]] or [SIZE[0]])[-1]
    number = value / factor
    return f"{round(number, _decimals(number)):.10g}{suffix}"


def seconds(value: float | None) -> str:
    """A duration as `31 ms`, from a second on as `12.3 s`, from two minutes on as `3 min 12 s`."""
    if value is None:
        return ""
    if 0 < value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value >= 120:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s"
    return f"{value:.{_decimals(_rounded(value))}f} s"


def tenths(value: float | None) -> str:
    """A duration to a tenth of a second, as fine as a writer of ten records a second tells it."""
    if value is None or value >= 120:
        return seconds(value)
    return f"{value:.1f} s"


def factor(ratio: float) -> str:
    """A ratio as a factor, `0.16×`, `1.04×`, `6.1×` or `23×`."""
    rounded = float(f"{ratio:.2g}")
    decimals = 2 if rounded >= 0.1 and round(ratio, 2) < 2 else _decimals(rounded, digits=2)
    return f"{ratio:,.{decimals}f}×"


def _scale(value: float, scales: Scales) -> tuple[float, str, int]:
    rounded = _rounded(value)
    reached = [s for s in scales if rounded >= s[0]] or [scales[0]]
    size, suffix = reached[-1]
    return size, suffix, _decimals(rounded / size)


def _rounded(value: float) -> float:
    # 999.7 is shown as 1.00 k: choose the scale by what three digits leave of it.
    return float(f"{value:.3g}")


def _decimals(value: float, digits: int = 3) -> int:
    if value == 0:
        return 0
    return max(0, min(9, digits - 1 - floor(log10(abs(value)))))
