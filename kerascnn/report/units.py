"""Numbers as a person reads them: 95.4%, 8.9 MB, 4.10 ms, 2 min 10 s.

Every function takes None for a number that was not measured, and answers with a dash.
"""

import math
from datetime import datetime

MISSING = "\N{EN DASH}"
NBSP = "\N{NO-BREAK SPACE}"
TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"
MONITOR_NAMES = {"ap": "average precision", "box_iou": "mean IoU", "nme": "normalised mean error"}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share: float | None) -> str:
    """Format a share 0..1 as a percentage with one decimal; what is not all never reads 100.0%."""
    if share is None:
        return MISSING
    text = f"{100 * share:.1f}%"
    return ">99.9%" if text == "100.0%" and share < 1 else text


def points(difference: float | None) -> str:
    """Format a difference of two shares, -1..1, in percentage points with its sign."""
    if difference is None:
        return MISSING
    size = f"{abs(100 * difference):.1f}"
    sign = "±" if size == "0.0" else "+" if difference > 0 else MINUS
    return f"{sign}{size}{NBSP}points"


def count(number: int | None) -> str:
    """Format a whole number with a comma between thousands."""
    return MISSING if number is None else f"{number:,}"


def file_size(size: int | None) -> str:
    """Format a size in bytes as MB (10^6 bytes) with one decimal, or as whole kB (10^3 bytes) below one MB."""
    if size is None:
        return MISSING
    return f"{size / 1e6:.1f}{NBSP}MB" if size >= 1e6 else f"{math.ceil(size / 1e3)}{NBSP}kB"


def latency(milliseconds: float | None) -> str:
    """Format milliseconds with three digits, or as whole milliseconds from 100 on."""
    if milliseconds is None:
        return MISSING
    decimals = 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0
    return f"{milliseconds:,.{decimals}f}{NBSP}ms"


def duration(seconds: float | None) -> str:
    """Format seconds as seconds, minutes and seconds, or hours and minutes."""
    if seconds is None:
        return MISSING
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        return f"{whole // 60}{NBSP}min{NBSP}{whole % 60}{NBSP}s"
    return f"{whole // 3600}{NBSP}h{NBSP}{whole % 3600 // 60}{NBSP}min"


def difference(number: float | None) -> str:
    """Format a number with two digits, below 0.001 and from 10 on with a power of ten such as 1.0e-6 in print."""
    if number is None:
        return MISSING
    if number == 0 or 1e-3 <= number < 10:
        return f"{number:.2g}"
    digits, exponent = f"{number:.1e}".split("e")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return f"{digits}{NBSP}{TIMES}{NBSP}{power}"


def rate(number: float | None) -> str:
    """Format a learning rate: as it is from 0.0001 on, below with a power of ten."""
    return f"{number:g}" if number is not None and number >= 1e-4 else difference(number)


def date(iso: str | None) -> str:
    """Format an ISO 8601 date and time: 23 November 2026, 18:00 UTC."""
    if iso is None:
        return MISSING
    moment = datetime.fromisoformat(iso.replace("Z", "+00:00"))  # Python 3.10 does not know Z
    return f"{moment.day} {moment:%B %Y, %H:%M %Z}".strip()


def title(text: str) -> str:
    """Capitalise the first letter and leave the others: "mean IoU" becomes "Mean IoU"."""
    return text[:1].upper() + text[1:]


def monitor_name(monitor: str) -> str:
    """Name a metric that Keras logs: `box_iou` is the mean IoU."""
    return MONITOR_NAMES.get(monitor, monitor.replace("_", " "))


FILTERS = (percent, points, count, file_size, latency, duration, difference, rate, date)
WORDS = (title, monitor_name)
