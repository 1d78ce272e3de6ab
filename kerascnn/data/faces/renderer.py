"""Portraits made by code: a bust with somebody's face, turned, lit and photographed.

`render_face` returns one example of the data set `faces` in NumPy alone; `kerascnn.data.faces` packs it for tfds. Who
somebody is stands in `identity`, what differs between pictures in `circumstances`.
"""

import cv2
import numpy as np

from kerascnn.data.faces.anatomy import Anatomy
from kerascnn.data.faces.bust import Bust
from kerascnn.data.faces.circumstances import IMAGE_SIZE, Circumstances, draw_circumstances
from kerascnn.data.faces.clothing import add_beanie, add_cap, add_mask, add_shirt
from kerascnn.data.faces.glasses import put_on_glasses
from kerascnn.data.faces.hair import add_hair
from kerascnn.data.faces.identity import Identity
from kerascnn.data.faces.plane import X, read_at
from kerascnn.data.faces.population import draw_identity
from kerascnn.data.faces.projection import OVERSAMPLING, View, look_at, project
from kerascnn.data.faces.relief import half_widths, shape_head
from kerascnn.data.faces.shading import light_view
from kerascnn.data.faces.skin import paint_face
from kerascnn.data.faces.surroundings import light_background, put_in_front
from kerascnn.data.rendering.camera import expose
from kerascnn.data.rendering.light import uneven_light
from kerascnn.data.rendering.surfaces import Random

FACE = 0  # the only class there is
TOLERANCE = 0.035  # in half heads: a landmark so little behind what is seen there lies on it
SIZE = (IMAGE_SIZE, IMAGE_SIZE)


def render_face(seed: int, identity: int, number: int, *, nuisance: float = 1.0) -> dict[str, np.ndarray]:
    """Render one picture of somebody with its annotation; the same arguments always give the same answer.

    Args:
        seed: of the whole data set, at least 0.
        identity: who it is, at least 0.
        number: of the picture, at least 0; each shows the person in other circumstances.
        nuisance: how much the circumstances may differ, from 0, for passport pictures, to 1, as in the data set.

    Returns:
        A sample, see `render_portrait`, with `identity` () int32.

    Raises:
        ValueError: if seed, identity or number is negative, or the nuisance not in 0..1.
    """
    if min(seed, identity, number) < 0:
        raise ValueError(
            "seed, identity and number must be at least 0. "
            f"Received: seed={seed}, identity={identity}, number={number}."
        )
    if not 0 <= nuisance <= 1:
        raise ValueError(f"nuisance must be in 0..1. Received: nuisance={nuisance}.")
    who = draw_identity(np.random.default_rng((seed, identity, 0)))
    rng = np.random.default_rng((seed, identity, 1 + number))
    return {**render_portrait(rng, who, draw_circumstances(rng, nuisance)), "identity": np.int32(identity)}


def render_portrait(rng: Random, who: Identity, circumstances: Circumstances) -> dict[str, np.ndarray]:
    """Render somebody in given circumstances.

    Args:
        rng: for all that is not given: clothes, strands of hair, background, camera.
        who: the person.
        circumstances: pose, expression, light, what is worn.

    Returns:
        A sample: `image` (112, 112, 3) uint8, `landmarks` (14, 2) float32 in the order of `LANDMARKS`, `visibility`
        (14,) int32, 0 for what is hidden or outside the picture, `boxes` (1, 4) float32, tight around the head without
        ears and hair, as far as it is inside the picture, and `class_ids` (1,) int32, the index in `CLASSES`.
    """
    anatomy, pose, worn = Anatomy(who, circumstances.expression), circumstances.pose, circumstances.worn
    bust, points = _build(rng, anatomy, worn)
    view = look_at(bust, pose)
    lit = light_view(bust, view, pose.angles, circumstances.light)
    hidden = np.zeros(view.hit.shape, np.float32)
    if worn & {"glasses", "sunglasses"}:
        glasses = put_on_glasses(rng, bust, anatomy, pose, view, dark="sunglasses" in worn)
        lit = glasses.lay_over(lit)
        hidden = glasses.panes * (glasses.opacity > 0.5)
    canvas = _compose(lit, view.hit, light_background(rng, circumstances.clutter, circumstances.light))
    if circumstances.in_front:
        canvas, coverage = put_in_front(rng, canvas, pose, circumstances.light)
        hidden = np.maximum(hidden, cv2.resize(coverage, hidden.shape))
    canvas *= 1 + circumstances.clutter * (uneven_light(rng, SIZE)[..., None] - 1)
    seen = project(points, pose)
    return {
        "image": expose(rng, canvas),
        "landmarks": seen[:, :2].astype(np.float32),
        "visibility": _find_visible(seen, view, hidden),
        "boxes": _box_face(anatomy, view)[None],
        "class_ids": np.array([FACE], np.int32),
    }


def _build(rng: Random, anatomy: Anatomy, worn: frozenset[str]) -> tuple[Bust, np.ndarray]:
    """Build the bust, and find its landmarks (14, 3)."""
    bust = Bust()
    shape_head(bust, anatomy)
    paint_face(rng, bust, anatomy)
    landmarks = anatomy.landmarks()
    points = np.column_stack([landmarks, read_at(bust.front, landmarks)])
    add_shirt(rng, bust)
    add_hair(rng, bust, anatomy, under_hat=bool(worn & {"beanie", "cap"}))
    for name, add in (("beanie", add_beanie), ("cap", add_cap), ("mask", add_mask)):
        if name in worn:
            add(rng, bust, anatomy)
    return bust, points


def _compose(lit: np.ndarray, hit: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Average the rays of each pixel, and let the background show where they miss."""
    hit = hit[..., None].astype(np.float32)
    figure = cv2.resize(lit * hit, SIZE, interpolation=cv2.INTER_AREA)
    return background * (1 - cv2.resize(hit, SIZE, interpolation=cv2.INTER_AREA)[..., None]) + figure


def _find_visible(seen: np.ndarray, view: View, hidden: np.ndarray) -> np.ndarray:
    inside = np.all((seen[:, :2] >= 0) & (seen[:, :2] < IMAGE_SIZE), axis=1)
    columns, rows = np.clip(seen[:, :2] * OVERSAMPLING, 0, IMAGE_SIZE * OVERSAMPLING - 1).astype(int).T
    on_surface = view.depth[rows, columns] < seen[:, 2] + TOLERANCE
    return (inside & on_surface & (hidden[rows, columns] < 0.5)).astype(np.int32)


def _box_face(anatomy: Anatomy, view: View) -> np.ndarray:
    """Box the rays that meet the bust within the outline of the head."""
    outline = (half_widths(anatomy.identity.skull, anatomy.chin)[:, None] > np.abs(X)).astype(np.float32)
    face = view.hit & (cv2.remap(outline, view.x, view.y, cv2.INTER_LINEAR) > 0.5)
    rows, columns = np.nonzero(face.any(axis=1))[0], np.nonzero(face.any(axis=0))[0]
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32) / OVERSAMPLING
