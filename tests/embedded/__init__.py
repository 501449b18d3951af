"""What only the embedded cluster has."""
