"""Sensors that wait for tasks at a gateway."""
