"""Decorators for functions that say what to draw."""
