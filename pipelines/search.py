"""The search for regions where something might be, which detectors that propose nothing themselves depend on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerascnn.data import Source, selective_search
from kerascnn.runs import propose_as

DRAWN = 128  # proposals of a picture that Fast R-CNN learns from in a step, anew in every epoch, all alike


@dataclass(frozen=True)
class Search:
    """How regions are searched for."""

    side: int = 320
    """Pictures are shrunk to so many pixels for the search, whose time grows as the square."""
    scale: int = 50
    """How large the first segments of the search are: smaller ones give more proposals, and small objects."""
    max_proposals: int = 1000
    """At most so many of a picture. What is not proposed is not found, and each costs time."""
    cache: str | None = None
    """A folder in which proposals are kept for other runs."""

    @property
    def settings(self) -> dict[str, Any]:
        """What `kerascnn.data.selective_search` is given."""
        return {"side": self.side, "scale": self.scale, "max_proposals": self.max_proposals}

    def add_to(self, source: Source) -> Source:
        """Give every picture of a data set its proposals."""
        return propose_as(self.settings, source, cache=self.cache)

    def check(self) -> None:
        """Refuse settings that do not make a search, and a machine without it, now."""
        selective_search(np.zeros((1, 1, 3), np.uint8), **self.settings)
