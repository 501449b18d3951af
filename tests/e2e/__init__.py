"""Scenarios that hold on every cluster, embedded or real."""
