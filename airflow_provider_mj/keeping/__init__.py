"""Keeping pictures: which, under which names, whole or in quarters, and safely written."""
