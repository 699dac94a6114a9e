from __future__ import annotations

import sys
from pathlib import Path

# Stand-ins for what Airflow gives to a task are shared with other tests.
sys.path.extend(str(Path(__file__).parent.parent / folder) for folder in ("provider", "dialects"))
