"""Arguments of the memory commands, as a person types them."""

from __future__ import annotations

import argparse
import re

UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_AGE = re.compile(r"(\d+(?:\.\d+)?)(s|min|h|d)")


def span(text: str) -> tuple[float, float]:
    """``FROM:TO`` in seconds."""
    try:
        start, end = (float(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected FROM:TO in seconds, e.g. 10:20; got {text!r}") from None
    if not start <= end:
        raise argparse.ArgumentTypeError(f"expected FROM before TO, got {text!r}")
    return start, end


def sphere(text: str) -> tuple[float, float, float, float]:
    """``X,Y,Z,R`` in metres."""
    try:
        x, y, z, radius = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected X,Y,Z,R in metres, e.g. 1.0,0.8,-2.0,0.5; got {text!r}") from None
    return x, y, z, radius


def age(text: str) -> float:
    """Seconds; -1 = no limit."""
    if text == "none":
        return -1.0
    found = _AGE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected an age such as 30d, 12h or 90min, or none; got {text!r}")
    return float(found[1]) * UNITS_S[found[2]]


def count(text: str) -> int:
    """A number; -1 = no limit."""
    if text == "none":
        return -1
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number or none, got {text!r}")
    return int(text)
