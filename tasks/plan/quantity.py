"""Kubernetes quantities, such as 4Gi or 500m, as numbers."""

from kubernetes.utils.quantity import parse_quantity


def quantity_bytes(quantity: str) -> int:
    """Bytes of a quantity: 1Gi is 2^30, 1G is 10^9. Raises ValueError if it is none."""
    return int(parse_quantity(quantity))


def quantity_cpus(quantity: str) -> float:
    """CPUs of a quantity: 500m is 0.5. Raises ValueError if it is none."""
    return float(parse_quantity(quantity))
