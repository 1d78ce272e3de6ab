"""Stopping between two steps, and not in the middle of one, when somebody asks for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from kerascnn.training.distribution import ask_all

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class RunInterrupted(KeyboardInterrupt):
    """A run was stopped by a signal, and its place is stored; the message says where.

    Attributes:
        signal: its name, such as `SIGTERM`.
    """

    def __init__(self, message: str, signal: str) -> None:
        super().__init__(message)
        self.signal = signal


@dataclass
class StopRequest:
    """Which signal asked for a stop, such as `SIGTERM`; empty as long as none did."""

    signal: str = ""

    def agreed(self) -> str:
        """Give what any of several processes was told, so that all stop at the same place; each has to ask there."""
        number = max(ask_all(signal.Signals[self.signal] if self.signal else 0))
        return signal.Signals(number).name if number else ""


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C or SIGTERM into a request; the second one interrupts at once, as without this.

    Signals reach the main thread only: in another one, this does nothing.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        if request.signal:
            raise KeyboardInterrupt
        request.signal = signal.Signals(number).name

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not installed from Python
