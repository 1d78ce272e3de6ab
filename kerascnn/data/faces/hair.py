"""Hair: a shell around the head that is open for the face."""

import cv2
import numpy as np

from kerascnn.data.faces.anatomy import Anatomy
from kerascnn.data.faces.bust import Bust
from kerascnn.data.faces.identity import HairStyle, Skull
from kerascnn.data.faces.plane import ROWS, SIZE, X, Y, smooth_step, soften
from kerascnn.data.faces.relief import FOREHEAD, half_widths, profile, round_out, skull_back
from kerascnn.data.rendering.surfaces import Random, fractal_noise

GLOSS = 0.6
FLATTENED = 0.04  # how thick hair is under a hat
LONG = 0.6  # hair that ends below this y also hangs behind the neck
BEHIND_NECK = -0.42  # z of that
NO_JAW = 3.0  # a chin so far down that a head goes on like a pillar


def add_hair(rng: Random, bust: Bust, anatomy: Anatomy, under_hat: bool) -> None:
    """Add the hair of a person, if there is any.

    Args:
        rng: for single strands, which lie differently every day.
        bust: with head and face; it is changed.
        anatomy: whose hair it is.
        under_hat: whether a hat flattens it.
    """
    style = anatomy.identity.hair.style
    if style is None:
        return
    if under_hat:
        style = style._replace(top=FLATTENED, side=min(style.side, 0.1), bun=0.0, line=min(style.line, -0.5))
    strands = _draw_strands(rng, style.curl)
    color = np.clip(anatomy.identity.hair.color * (0.82 + 0.38 * strands[..., None]), 0.003, 1)
    bump = (0.012 + 0.035 * style.curl) * strands
    widths = _half_widths(anatomy.identity.skull, style)
    frizz = min(0.015 + 0.05 * style.curl, 0.3 * style.side)  # so little that no skin shows at the back
    outline = np.minimum(widths[:, None] - np.abs(X), style.end - Y) + frizz * fractal_noise(rng, X.shape, 18)
    back = -skull_back(widths, style.side, style.top)
    if style.end > LONG:
        surfaces = BEHIND_NECK + bump, np.minimum(back, BEHIND_NECK - 0.2)
        bust.add(outline, surfaces, 0.45 * color, GLOSS)
    if style.bun:
        inside = style.bun - np.hypot(X, Y + 1 + style.top + 0.45 * style.bun)
        ball = np.sqrt(np.clip(inside * (2 * style.bun - inside), 0, None))
        bust.add(inside, (ball - 0.25 + bump, -ball - 0.25), color, GLOSS)

    inside = np.minimum(outline, _inside_hairline(anatomy, style, strands))
    thickness = soften(smooth_step(-0.02, 0.1, inside), 0.03)  # hair rises from the hairline
    front = _front(anatomy.identity.skull, style, widths) + bump
    front = np.where(bust.front > -1, bust.front + (front - bust.front) * thickness, front)
    bust.add(inside, (np.maximum(front, bust.front + 0.004), back), color, GLOSS * (1 - 0.7 * style.curl))


def _half_widths(skull: Skull, style: HairStyle) -> np.ndarray:
    """Like the head's; but from where the head is widest, hair hangs down, spreads, and comes together at its tips."""
    above = half_widths(skull, skull.length, wider=style.side, higher=style.top)
    spread = skull.width + style.side + 0.06 * (1 + style.curl) * smooth_step(0, 1, ROWS)
    hanging = spread * (0.8 + 0.2 * smooth_step(style.end, style.end - 0.3, ROWS))
    return np.where(ROWS < FOREHEAD, above, hanging)


def _inside_hairline(anatomy: Anatomy, style: HairStyle, strands: np.ndarray) -> np.ndarray:
    """Give about how far a texel lies inside the hair, seen from the edge of the opening for the face."""
    opening = style.opening * anatomy.identity.skull.width
    share = np.abs(X) / opening
    line = style.line + anatomy.identity.hair.slant * X / opening * smooth_step(1.1, 0.9, share)
    line += (0.12 - style.line) * share**style.corners + 6 * np.clip(share - 1, 0, None)  # beside the face, all is hair
    return (line - Y) * 0.5 + 0.02 * strands


def _front(skull: Skull, style: HairStyle, widths: np.ndarray) -> np.ndarray:
    """Give z of the hair: a cap on the head, and what hangs down beside the face."""
    cap_widths = half_widths(skull, NO_JAW, wider=style.side, higher=style.top)
    cap = round_out(cap_widths, profile(NO_JAW, style.top) + 0.4 * style.side)
    inner = 0.62 * skull.width
    middle, reach = (widths + inner)[:, None] / 2, np.maximum(widths - inner, 0.05)[:, None] / 2
    hanging = 0.05 + 0.24 * np.sqrt(np.clip(1 - np.square((np.abs(X) - middle) / reach), 0, None))
    return cap + (hanging - cap) * smooth_step(-0.15, 0.4, ROWS)[:, None]


def _draw_strands(rng: Random, curl: float) -> np.ndarray:
    """Draw light and dark strands that run down from the crown, and curls: (SIZE, SIZE), mostly within -1..1."""
    x, y = X - rng.uniform(-0.25, 0.25), Y + 1.05
    angle, radius = np.arctan2(x, np.maximum(y, 0.05)), np.hypot(x, y)
    noise = fractal_noise(rng, (64, 512), 3.2, stretch=2)
    column, row = (
        (angle / np.float32(np.pi) + 0.5) * 511,
        radius * (8 + 20 * curl) + 6 * curl * np.sin(9 * radius + 6 * angle),
    )
    straight = cv2.remap(noise, column, np.clip(row, 0, 63), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return straight + curl * (1.2 * fractal_noise(rng, (SIZE, SIZE), 8) - straight) if curl else straight
