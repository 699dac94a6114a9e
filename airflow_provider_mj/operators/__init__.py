"""Operators that publish what a gateway made."""
