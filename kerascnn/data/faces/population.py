"""How people who do not exist are drawn at random, in all their variety."""

import numpy as np

from kerascnn.data.faces.identity import Beard, Brows, Eyes, Hair, HairStyle, Identity, Mouth, Nose, Skin, Skull
from kerascnn.data.rendering.surfaces import GAMMA, Random

SKIN_TONES = (  # as seen on a screen, from the palest to the darkest
    (250, 222, 204), (240, 200, 173), (226, 175, 143), (202, 146, 110), (165, 110, 78), (124, 80, 56), (88, 56, 42),
)  # fmt: skip
HAIR_COLORS = (
    (34, 28, 28), (52, 38, 32), (84, 56, 40), (122, 82, 52), (176, 130, 82), (222, 186, 128), (150, 66, 34),
)  # fmt: skip
HAIR_WEIGHTS = (0.24, 0.2, 0.18, 0.13, 0.1, 0.07, 0.08)  # how often each
GREY = (200, 198, 196)
EYE_COLORS = ((56, 36, 26), (92, 58, 34), (122, 94, 52), (92, 116, 72), (86, 128, 160), (120, 140, 150), (60, 96, 140))
EYE_WEIGHTS = (0.3, 0.2, 0.12, 0.1, 0.13, 0.08, 0.07)

HAIR_STYLES = {
    "buzz": HairStyle(0.04, 0.04, -0.62, 0.05, 0.92, 5),
    "receding": HairStyle(0.05, 0.05, -0.84, 0.05, 0.93, 3),
    "short": HairStyle(0.14, 0.06, -0.6, 0.05, 0.93, 6),
    "quiff": HairStyle(0.26, 0.04, -0.64, 0.0, 0.93, 6),
    "fringe": HairStyle(0.14, 0.1, -0.3, 0.15, 0.92, 14),
    "crop": HairStyle(0.2, 0.14, -0.52, 0.3, 0.9, 4.5, curl=0.7),
    "bob": HairStyle(0.13, 0.14, -0.6, 0.85, 0.89, 3.5),
    "bangs": HairStyle(0.14, 0.14, -0.3, 0.95, 0.88, 12),
    "long": HairStyle(0.12, 0.13, -0.62, 1.5, 0.88, 3),
    "waves": HairStyle(0.16, 0.24, -0.6, 1.35, 0.88, 3.2, curl=0.6),
    "afro": HairStyle(0.38, 0.34, -0.6, 0.35, 0.92, 4.5, curl=1.0),
    "bun": HairStyle(0.06, 0.04, -0.66, -0.02, 0.94, 3.6, bun=0.3),
}
SLENDER_STYLES = (0.01, 0.0, 0.07, 0.02, 0.07, 0.07, 0.16, 0.15, 0.2, 0.12, 0.05, 0.08)  # how often each
STURDY_STYLES = (0.15, 0.13, 0.24, 0.12, 0.1, 0.1, 0.02, 0.0, 0.06, 0.02, 0.05, 0.01)


def draw_identity(rng: Random) -> Identity:
    """Draw somebody at random.

    What goes together in people goes together here: heavy jaws, brows and beards by one number, grey hair and lines in
    the skin by another, light skin and light eyes by a third.
    """
    sturdy, age, tone = rng.uniform(), rng.beta(1.2, 2.5), rng.uniform()
    skin_color = _screen_to_light(_pick_between(SKIN_TONES, tone)) * rng.normal(1, 0.035, size=3).astype(np.float32)
    hair_color = _draw_hair_color(rng, tone, age)
    return Identity(
        _draw_skull(rng, sturdy),
        _draw_skin(rng, skin_color, tone, age),
        _draw_eyes(rng, tone, sturdy),
        _draw_brows(rng, sturdy, hair_color),
        _draw_nose(rng, sturdy),
        _draw_mouth(rng, sturdy, skin_color),
        (rng.uniform(0.2, 0.29), rng.uniform(0.05, 0.16)),
        _draw_hair(rng, sturdy, age, hair_color),
        _draw_beard(rng, sturdy),
    )


def _draw_skull(rng: Random, sturdy: float) -> Skull:
    width = rng.uniform(0.66, 0.8)
    jaw = width * min(max(rng.normal(0.76 + 0.1 * sturdy, 0.05), 0.68), 0.95)
    return Skull(
        width=width,
        temples=width * rng.uniform(0.93, 1.03),
        jaw=jaw,
        chin=jaw * min(max(rng.normal(0.52 + 0.14 * sturdy, 0.08), 0.38), 0.85),
        length=rng.uniform(0.92, 1.1),
        cheekbones=rng.uniform(0, 1),
        brow_ridge=sturdy * rng.uniform(0.3, 1),
    )


def _draw_skin(rng: Random, color: np.ndarray, tone: float, age: float) -> Skin:
    moles = _draw_marks(rng, rng.choice(4, p=(0.5, 0.25, 0.15, 0.1)), (0.55, 0.75), (0.016, 0.03))
    num_freckles = int(rng.uniform(20, 70)) if tone < 0.45 and rng.uniform() < 0.35 else 0
    freckles = _draw_marks(rng, num_freckles, (0.48, 0.22), (0.009, 0.018)) + np.float32((0, 0.12, 0))
    return Skin(color, rng.uniform(0.2, 1), moles, freckles, age)


def _draw_marks(rng: Random, count: int, reach: tuple[float, float], radius: tuple[float, float]) -> np.ndarray:
    places = rng.uniform(-1, 1, size=(count, 2)) * reach
    return np.column_stack([places, rng.uniform(*radius, size=count)]).astype(np.float32)


def _draw_eyes(rng: Random, tone: float, sturdy: float) -> Eyes:
    weights = np.array(EYE_WEIGHTS) * np.where(np.arange(len(EYE_COLORS)) < 2, 1, max(0.02, 1 - 1.6 * tone))
    color = EYE_COLORS[rng.choice(len(EYE_COLORS), p=weights / weights.sum())]
    return Eyes(
        distance=rng.uniform(0.305, 0.375),
        height=rng.uniform(-0.04, 0.05),
        half_width=rng.uniform(0.165, 0.205),
        opening=rng.uniform(0.085, 0.13) - 0.012 * sturdy,
        slant=rng.uniform(-0.1, 0.2),
        iris=rng.uniform(0.08, 0.097),
        color=_screen_to_light(np.array(color) * rng.uniform(0.85, 1.15)),
        crease=rng.uniform(0.5, 1) * (rng.uniform() < 0.7),
        lashes=rng.uniform(0.2, 1) * (1 - 0.6 * sturdy),
    )


def _draw_brows(rng: Random, sturdy: float, hair_color: np.ndarray) -> Brows:
    return Brows(
        rise=rng.uniform(0.21, 0.28) - 0.03 * sturdy,
        half_width=rng.uniform(0.15, 0.205),
        thickness=rng.uniform(0.02, 0.045) + 0.025 * sturdy,
        arch=rng.uniform(0.0, 0.06),
        slant=rng.uniform(-0.14, 0.12),
        color=hair_color * rng.uniform(0.35, 0.75),
    )


def _draw_nose(rng: Random, sturdy: float) -> Nose:
    return Nose(
        tip=rng.uniform(0.32, 0.46),
        reach=rng.uniform(0.19, 0.3) + 0.03 * sturdy,
        bridge=rng.uniform(0.05, 0.085),
        ball=rng.uniform(0.075, 0.125),
        wings=rng.uniform(0.1, 0.17),
    )


def _draw_mouth(rng: Random, sturdy: float, skin_color: np.ndarray) -> Mouth:
    redness = np.array([0.82, 0.42, 0.45], np.float32) ** rng.uniform(0.6, 1.3)
    if rng.uniform() < 0.25 * (1 - sturdy):  # lipstick
        redness *= np.array([0.9, rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.7)], np.float32)
    return Mouth(
        height=rng.uniform(0.6, 0.68),
        half_width=rng.uniform(0.21, 0.31),
        upper=rng.uniform(0.03, 0.07) - 0.01 * sturdy,
        lower=rng.uniform(0.055, 0.1) - 0.01 * sturdy,
        bow=rng.uniform(0.1, 0.4),
        color=skin_color * redness,
    )


def _draw_hair_color(rng: Random, tone: float, age: float) -> np.ndarray:
    weights = np.array(HAIR_WEIGHTS) * np.where(np.arange(len(HAIR_COLORS)) < 3, 1, max(0.03, 1.2 - 1.8 * tone))
    color = np.array(HAIR_COLORS[rng.choice(len(HAIR_COLORS), p=weights / weights.sum())])
    grey = min(max(2.2 * (age - rng.uniform(0.3, 0.7)), 0), 1)
    return _screen_to_light((color * rng.uniform(0.85, 1.15) * (1 - grey) + np.array(GREY) * grey).clip(12, 250))


def _draw_hair(rng: Random, sturdy: float, age: float, color: np.ndarray) -> Hair:
    slant = rng.uniform(-0.25, 0.25)
    if rng.uniform() < 0.22 * sturdy * (0.4 + 2 * age):
        return Hair(None, color, slant)
    weights = np.array(STURDY_STYLES if rng.uniform() < sturdy else SLENDER_STYLES)
    style = list(HAIR_STYLES.values())[rng.choice(len(weights), p=weights / weights.sum())]
    return Hair(
        style._replace(
            top=style.top * rng.uniform(0.75, 1.3),
            side=style.side * rng.uniform(0.75, 1.3),
            line=style.line + rng.uniform(-0.06, 0.06),
            end=style.end + rng.uniform(-0.15, 0.15) * (style.end > 0.5),
            opening=style.opening * rng.uniform(0.97, 1.03),
            curl=min(max(style.curl + rng.uniform(-0.2, 0.35), 0.0), 1.0),
        ),
        color,
        slant,
    )


def _draw_beard(rng: Random, sturdy: float) -> Beard:
    if rng.uniform() > 1.6 * (sturdy - 0.4):
        return Beard(0, 0, 0, 0)
    density = (0.3, 0.6, 1.0)[rng.integers(3)] * rng.uniform(0.7, 1)
    jaw, chin, moustache = ((1, 1, 1), (1, 1, 1), (0, 1, 1), (0, 1, 0), (0, 0, 1))[rng.integers(5)]
    return Beard(jaw * density, chin * density, moustache * density, rng.uniform(0, 1))


def _pick_between(colors: tuple[tuple[int, int, int], ...], share: float) -> np.ndarray:
    return np.array(
        [np.interp(share * (len(colors) - 1), range(len(colors)), channel) for channel in np.transpose(colors)]
    )


def _screen_to_light(color: np.ndarray) -> np.ndarray:
    return (np.asarray(color, np.float32) / 255) ** GAMMA
