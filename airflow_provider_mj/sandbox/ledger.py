"""What the tasks would have cost: every charge and refund, in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass, field

PRICES = {
    "IMAGINE": 2.0,
    "BLEND": 2.0,
    "EDIT": 2.0,
    "EDITS": 2.0,
    "VARIATION": 2.0,
    "LOW_VARIATION": 2.0,
    "HIGH_VARIATION": 2.0,
    "REROLL": 2.0,
    "INPAINT": 2.0,
    "ZOOM": 2.0,
    "CUSTOM_ZOOM": 2.0,
    "PAN": 2.0,
    "UPSCALE": 1.0,
    "UPSCALE_HD": 1.0,
    "DESCRIBE": 1.0,
    "SHORTEN": 1.0,
    "SWAP_FACE": 1.0,
    "VIDEO": 8.0,
    "MODAL": 2.0,
}
"""Credits that an accepted submission costs, by action; some cost nothing, see :func:`.price_of`."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One entry of the ledger.

    :param mj_task_id: the task
    :param action: its action
    :param amount: credits
    :param at: unix seconds
    """

    mj_task_id: str
    action: str
    amount: float
    at: float


@dataclass(slots=True)
class Ledger:
    """All charges, one for each accepted submission that costs something, and all refunds.

    :param charges: what was taken
    :param refunds: what was given back; amounts are positive
    """

    charges: list[Charge] = field(default_factory=list)
    refunds: list[Charge] = field(default_factory=list)

    @property
    def total(self) -> float:
        """Credits taken and not given back."""
        return sum(c.amount for c in self.charges) - sum(r.amount for r in self.refunds)
