"""The modules of the attack lie beside its tests."""
