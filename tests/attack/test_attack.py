"""A minute of the attack, always the same one; and the faults that it must find."""

from __future__ import annotations

import pytest
from attack import attack
from mutants import MUTANTS, hunt

pytestmark = [pytest.mark.wire, pytest.mark.computes]

SEED = 20261125


def test_no_course_breaks_what_must_hold():
    broken = attack(SECONDS, SEED)
    assert broken is None, "\n".join([repr(broken), *getattr(broken, "__notes__", [])])


SECONDS = 60.0


@pytest.mark.parametrize("name", ["M1", "M4"])
def test_a_fault_that_is_put_back_is_found(name):
    """The quick ones; ``python tests/attack/mutants.py`` hunts all of them."""
    _, _, broken = hunt(name, seed=1)
    assert broken is not None
    assert name in MUTANTS
