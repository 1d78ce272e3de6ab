"""The bust: how far it reaches to the front and to the back at every texel of the plane, and what colour it has.

Both surfaces together make a closed body, so it can be turned.
"""

import numpy as np

from kerascnn.data.faces.plane import DENSITY, SIZE, WHOLE, Part, fill

NOTHING = 4.0  # -NOTHING in front and NOTHING behind: there is no body
RIM = 1.5 / DENSITY  # how far surfaces go on beyond the outline, so that their meeting there can be interpolated


class Bust:
    """A body that is built up layer by layer.

    Attributes:
        front: (SIZE, SIZE) float32, z of what the camera sees when the head is not turned.
        back: the same for what it cannot see then.
        albedo: (SIZE, SIZE, 3) float32, linear light.
        gloss: (SIZE, SIZE) float32, strength of the highlight.
    """

    def __init__(self):
        shape = (SIZE, SIZE)
        self.front, self.back = np.full(shape, -NOTHING, np.float32), np.full(shape, NOTHING, np.float32)
        self.albedo, self.gloss = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)

    def add(
        self,
        inside: np.ndarray,
        surfaces: tuple[np.ndarray, np.ndarray],
        color: np.ndarray,
        gloss: float,
        part: Part = WHOLE,
    ) -> None:
        """Add a layer; its colour shows where it is in front.

        Args:
            inside: distance to its outline, positive inside, (H, W). Surfaces that meet at the outline, and swap
                places beyond it, give a smooth outline.
            surfaces: z of its front and of its back, (H, W).
            color: albedo, (H, W, 3) or (3,).
            gloss: strength of its highlight.
            part: where it is, (H, W) texels.
        """
        front, back = surfaces
        solid, alone = inside > -RIM, self.front[part] == -NOTHING
        seen = np.where(alone, solid, fill(inside) * (front >= self.front[part]))
        np.maximum(self.front[part], front, out=self.front[part], where=solid)
        np.minimum(self.back[part], back, out=self.back[part], where=solid)
        self.paint(seen, color, gloss, part)

    def paint(self, coverage: np.ndarray, color: np.ndarray, gloss: float | None = None, part: Part = WHOLE) -> None:
        """Paint without adding a layer."""
        self.albedo[part] += (color - self.albedo[part]) * coverage[..., None]
        if gloss is not None:
            self.gloss[part] += (gloss - self.gloss[part]) * coverage

    def tint(self, amount: np.ndarray, absorbed: tuple[float, float, float], part: Part = WHOLE) -> None:
        """Darken by an `amount` (H, W) in 0..1, of which each channel takes a share."""
        self.albedo[part] *= 1 - amount[..., None] * np.float32(absorbed)
