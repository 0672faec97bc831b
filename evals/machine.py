"""What a run was made with and on, in words: no host name and no path."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata

PACKAGES = ("torch", "transformers", "langgraph", "llguidance", "numpy")


def software() -> dict[str, str]:
    """Versions of this project and of what the answers depend on."""
    found = {"python": platform.python_version()}
    for name in ("sightline", *PACKAGES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # run from a checkout that is not installed
    return found


def machine() -> str:
    """``x86_64, 2 cores, Linux``."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
