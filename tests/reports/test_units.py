"""Figures as a person reads them."""

import pytest

from reports.data.stats import Estimate
from reports.text.units import (
    COUNT,
    LATENCY,
    MIB,
    Scales,
    block,
    factor,
    interval,
    quantity,
    seconds,
    size,
)


@pytest.mark.parametrize(
    ("value", "scales", "text"),
    [
        (659.793091, COUNT, "660"),
        (999.7, COUNT, "1.00 k"),
        (12_345, COUNT, "12.3 k"),
        (641_000, COUNT, "641 k"),
        (1_204_000, COUNT, "1.20 M"),
        (0, COUNT, "0"),
        (74_490.070312 * 1024, MIB, "72.7"),
        (1_500 * 2**20, MIB, "1,500"),
        (845_000, LATENCY, "845 µs"),
        (850, LATENCY, "0.850 µs"),
        (999_900, LATENCY, "1.00 ms"),
        (3_021_000_000, LATENCY, "3.02 s"),
    ],
)
def test_a_quantity_has_three_digits_and_its_scale(value: float, scales: Scales, text: str) -> None:
    assert quantity(value, scales) == text


@pytest.mark.parametrize(
    ("estimate", "scales", "text"),
    [
        (Estimate(12_345, 11_900, 12_800, 3), COUNT, "[11.9 – 12.8]"),
        (Estimate(980e3, 950e3, 1_020e3, 3), LATENCY, "[950 – 1,020]"),
        (Estimate(12_345, None, None, 1), COUNT, ""),
    ],
    ids=["its scale", "the scale of the median", "one repeat"],
)
def test_an_interval_is_in_the_scale_of_its_median(
    estimate: Estimate, scales: Scales, text: str
) -> None:
    assert interval(estimate, scales) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0163, "0.016×"),
        (0.0994, "0.099×"),
        (0.0996, "0.10×"),
        (0.164, "0.16×"),
        (1.04, "1.04×"),
        (1.96, "1.96×"),
        (1.9961, "2.0×"),
        (2.0, "2.0×"),
        (6.12, "6.1×"),
        (9.96, "10×"),
        (231.0, "231×"),
    ],
)
def test_a_ratio_is_a_factor(ratio: float, text: str) -> None:
    assert factor(ratio) == text


def test_sizes_and_durations() -> None:
    assert [block(n) for n in (4096, 131_072, 2**20, 2300)] == ["4K", "128K", "1M", "2300 B"]
    assert [size(n) for n in (2**32, 25_276_502_016, 1023 * 2**20, 512)] == [
        "4 GiB", "23.5 GiB", "1023 MiB", "512 B",
    ]  # fmt: skip
    assert [seconds(n) for n in (0.00879, 0.8412, 0.9996, 12.34, 192.2)] == [
        "9 ms", "841 ms", "1.00 s", "12.3 s", "3 min 12 s",
    ]  # fmt: skip
    assert (size(None), seconds(None)) == ("", "")
