"""Kubernetes' quantities, e.g. 64Mi."""

import re

UNITS: dict[str, float] = {"": 1, "k": 10**3, "m": 10**-3} | {
    letter + i: (1024 if i else 1000) ** power
    for power, letter in enumerate("KMGTPE", start=1)
    for i in ("", "i")
}


def as_bytes(quantity: str | int) -> float:
    """The number that a quantity means; ValueError when it is none."""
    found = re.fullmatch(r"([+-]?[0-9.]+)([a-zA-Z]*)", str(quantity))
    if not found or found[2] not in UNITS:
        raise ValueError(f"not a quantity with a unit of {', '.join(UNITS)}: {quantity!r}")
    return float(found[1]) * UNITS[found[2]]
