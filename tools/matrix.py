"""Runs the tests that have Airflow in them on several versions, each in a virtual environment of its own.

Needs nothing but Python: ``python tools/matrix.py VERSION...``. A pre-release is tried but never decides.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent
FOLDER = CLONE / ".matrix"
# Airflow 2 has no release for Python 3.13.
PYTHONS_OF_AIRFLOW_2 = ("python3.12", "python3.11", "python3")
AIRFLOW_2_CHECK = "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))"


class NoPythonError(RuntimeError):
    """There is no Python here that a version of Airflow runs on."""


@dataclass(frozen=True)
class Result:
    """How the test suite went on one version."""

    version: str
    passed: bool
    seconds: float

    @property
    def decides(self) -> bool:
        """Tell whether a failure fails the whole matrix."""
        return not is_prerelease(self.version)

    def row(self) -> str:
        """Return the line for the table."""
        verdict = (
            "passed" if self.passed else "FAILED" if self.decides else "failed (pre-release, does not decide)"
        )
        return f"{self.version:<10} {self.seconds:>7.0f}  {verdict}"


def is_prerelease(version: str) -> bool:
    """Tell whether a version is an alpha, a beta or a release candidate."""
    return re.search(r"[a-z]", version) is not None


def constraints(version: str) -> Path | None:
    """Return the pinned constraints of a version, relative to the clone; a pre-release has none.

    :raises FileNotFoundError: when a release has none.
    """
    path = Path("constraints", f"airflow-{version}.txt")
    if (CLONE / path).exists():
        return path
    if is_prerelease(version):
        return None
    raise FileNotFoundError(f"{path} does not exist; add a .in file and run: make constraints")


def suits_airflow_2(python: str) -> bool:
    """Tell whether a Python is there and Airflow 2 runs on it."""
    path = shutil.which(python)
    if path is None:
        return False
    return subprocess.run([path, "-c", AIRFLOW_2_CHECK], check=False, capture_output=True).returncode == 0


def python_for(version: str) -> str:
    """Return the Python for a version: the one that runs this, if it can be.

    :raises NoPythonError: when there is none.
    """
    if not version.startswith("2."):
        return sys.executable
    for python in (sys.executable, *PYTHONS_OF_AIRFLOW_2):
        if suits_airflow_2(python):
            return python
    raise NoPythonError(f"Airflow {version} needs Python 3.11 or 3.12")


def fingerprint(pins: Path | None) -> str:
    """Return a digest of everything that decides what gets installed."""
    files = [Path("pyproject.toml"), *([pins] if pins else [])]
    return hashlib.sha256(b"".join((CLONE / file).read_bytes() for file in files)).hexdigest()


def airflow_environment(folder: Path) -> dict[str, str]:
    """Return the environment in which the Airflow of a folder keeps its files there."""
    return os.environ | {"AIRFLOW_HOME": str(folder / "airflow-home")}


def install(version: str, folder: Path) -> Path:
    """Make the environment of a version, unless it is there and up to date; return its Python."""
    pins = constraints(version)
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = fingerprint(pins)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    subprocess.run([python_for(version), "-m", "venv", "--clear", folder], check=True)
    environment = os.environ | (
        {"PIP_CONSTRAINT": str(pins), "PIP_BUILD_CONSTRAINT": str(pins)} if pins else {}
    )
    command = [str(python), "-m", "pip", "install", "-qq", "-e", ".[dev]", f"apache-airflow=={version}"]
    subprocess.run(command, check=True, cwd=CLONE, env=environment)
    if version.startswith("2."):
        # The sensors of Airflow 2 look into the metadata database even where nothing else needs one.
        migrate = [str(python), "-m", "airflow", "db", "migrate"]
        subprocess.run(migrate, check=True, env=airflow_environment(folder), stdout=subprocess.DEVNULL)
    stamp.write_text(wanted)
    return python


def run_tests(version: str) -> bool:
    """Install a version, run the test suite on it, and tell whether both worked."""
    folder = FOLDER / version
    try:
        python = install(version, folder)
    except (OSError, subprocess.CalledProcessError, NoPythonError) as error:
        print(f"Airflow {version} cannot be installed: {error}", flush=True)
        return False
    command = [str(python), "-m", "pytest", "-o", "cache_dir=.matrix/cache", "-m"]
    parts = [
        [
            "not wire and not system and not alone and not waits and not computes",
            "-n",
            "4",
            "--dist",
            "worksteal",
        ],
        # What measures time or memory measures the same on each: `make test` does that once.
        ["system", "-n", "2", "--dist", "loadfile"],
    ]
    # Both parts run, whatever comes of the first.
    codes = [
        subprocess.run([*command, *part], check=False, cwd=CLONE, env=airflow_environment(folder)).returncode
        for part in parts
    ]
    return not any(codes)


def measure(version: str) -> Result:
    """Run the tests on one version and take the time."""
    print(f"\n=== Airflow {version}", flush=True)
    started = time.monotonic()
    passed = run_tests(version)
    return Result(version, passed, time.monotonic() - started)


def main(versions: list[str]) -> int:
    """Run the matrix, print the table, and return 1 if a stable version failed."""
    results = [measure(version) for version in versions]
    print("\nAirflow    seconds  result", *(result.row() for result in results), sep="\n", flush=True)
    return int(any(result.decides and not result.passed for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
