"""Lists of augmentations that suit a task, to begin with.

`mirrored=False` leaves the mirror out, for digits, letters and other signs. Landmarks need `swap`, see `mirror`: a left
eye becomes a right one.
"""

from collections.abc import Callable, Sequence

from kerascnn.data.augment.color import color_jitter, color_shift, pca_color
from kerascnn.data.augment.geometric import mirror, random_crop, rotate, scale, shear, translate, warp, zoom_out
from kerascnn.data.augment.pixels import blur, erase
from kerascnn.data.augment.steps import Step

Swap = Sequence[int] | None


def _mirror(mirrored: bool = True, swap: Swap = None) -> list[Step]:
    return [mirror(swap=swap)] if mirrored else []


def light(mirrored: bool = True, swap: Swap = None) -> list[Step]:
    """For classification, where a few epochs are trained: what hardly any photo minds."""
    return [*_mirror(mirrored, swap), random_crop((0.64, 1.0), (0.9, 1.1))]


def small(mirrored: bool = True, swap: Swap = None) -> list[Step]:
    """For classification of pictures of about 32 pixels, from scratch: moved by a pixel or two.

    What a crop leaves of so small a picture is too little. He et al. 2016, section 4.2, shift by up to 4 of 32 pixels,
    and by whole ones; for the small networks and the few epochs that these are measured with, that is too much.
    """
    return [*_mirror(mirrored, swap), translate(0.05)]


def standard(mirrored: bool = True, swap: Swap = None) -> list[Step]:
    """For classification of photos."""
    return [*_mirror(mirrored, swap), random_crop((0.36, 1.0)), rotate(10), color_jitter(), pca_color()]


def strong(mirrored: bool = True, swap: Swap = None) -> list[Step]:
    """For classification with few pictures and many epochs: all seven of the notes, and erasing."""
    return [
        *_mirror(mirrored, swap),
        random_crop((0.25, 1.0)),
        rotate(15),
        shear(10),
        warp(),
        color_jitter(0.3, 0.3, 0.3),
        color_shift(15),
        pca_color(),
        erase(),
    ]


def detection(mirrored: bool = True, swap: Swap = None) -> list[Step]:
    """For boxes: things are moved, cut by the border, and become 0.7 to 1.5 times as large.

    What is smaller leaves grey around it, from which few pictures teach less: `mosaic()`, after these, makes things
    smaller without.
    """
    moved = [zoom_out(1.5), random_crop((0.45, 1.0), (0.8, 1.25))]
    return [*_mirror(mirrored, swap), *moved, color_jitter(0.2, 0.2, 0.4, hue=10)]


def segmentation(mirrored: bool = True, swap: Swap = None) -> list[Step]:
    """For masks of photos.

    Without `warp`, which helps under a microscope, where nothing is straight, and harms on streets.
    """
    return [*_mirror(mirrored, swap), scale((0.75, 1.5)), rotate(10), color_jitter(hue=5)]


def faces(mirrored: bool = True, swap: Swap = None) -> list[Step]:
    """For aligned faces and their landmarks; the colour of skin stays.

    Args:
        mirrored: at random, if `swap` is given; otherwise a left eye would become a right one.
        swap: see `mirror`.
    """
    return [
        *_mirror(mirrored and swap is not None, swap),
        rotate(20),
        scale((0.85, 1.2)),
        translate(0.08),
        color_jitter(0.3, 0.3, 0.1),
        blur((0.1, 1.5), 0.3),
        erase((0.02, 0.1), probability=0.3),
    ]


PRESETS: dict[str, Callable[[bool, Swap], list[Step]]] = {
    "none": lambda mirrored, swap: [],
    "mirror": _mirror,
    "light": light,
    "small": small,
    "standard": standard,
    "strong": strong,
    "detection": detection,
    "segmentation": segmentation,
    "faces": faces,
}


def preset(name: str, mirrored: bool = True, swap: Swap = None) -> list[Step]:
    """Give the augmentations of a preset by its name.

    Args:
        name: of `PRESETS`.
        mirrored: at random; not for digits, letters and other signs.
        swap: which landmark takes the place of each in a mirrored picture, see `mirror`.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in PRESETS:
        raise ValueError(f"The presets are {', '.join(PRESETS)}. Received: {name!r}.")
    return PRESETS[name](mirrored, swap)
