"""A gateway that costs nothing: speaks five dialects, draws pictures, injects faults, counts charges.

Its pictures are drawings. How a task ends is said in its prompt: ``[[fail: reason]]``, ``[[never]]``,
``[[vanish]]``, ``[[modal]]``, ``[[cancel]]``, ``[[banned]]``, ``[[refunded]]``; that it is refused:
``[[no account]]``, ``[[quota]]``, ``[[system error]]``, ``[[lost]]``, ``[[outcome unknown]]``; how long it
takes: ``[[seconds: 3]]``; and that a grid comes with links to its quarters as well: ``[[four]]``. What goes
wrong with a request is said in its header ``X-Sandbox-Fault: kind=status;status=503``, or by :class:`.Fault`
for many; what is the matter with the gateway, by :class:`.Condition`.

Needs the extra ``sandbox`` to run: ``pip install 'airflow-provider-mj[sandbox]'``.
"""

from __future__ import annotations

from .clock import ManualClock
from .conditions import Condition, UserLimits
from .dialects import DIALECTS
from .faults import Fault, FaultKind
from .gateway import SandboxGateway
from .ledger import Charge, Ledger
from .prompts import Ending
from .seen import RequestSeen
from .server import MissingExtraError, SandboxServer

__all__ = [
    "DIALECTS",
    "Charge",
    "Condition",
    "Ending",
    "Fault",
    "FaultKind",
    "Ledger",
    "ManualClock",
    "MissingExtraError",
    "RequestSeen",
    "SandboxGateway",
    "SandboxServer",
    "UserLimits",
]
