"""Colours of classes, the same in plots and on pictures, for people with every kind of colour vision."""

Color = tuple[int, int, int]

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
# Okabe and Ito 2008, "Color Universal Design", without black; yellow last, for it is lost on white.
COLORS: tuple[Color, ...] = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (0, 158, 115),  # bluish green
    (213, 94, 0),  # vermilion
    (0, 114, 178),  # blue
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
)
LIGHTER, DARKER = 0.55, -0.4  # of the way to white or black: the colours of further classes
VARIANTS = (0.0, LIGHTER, DARKER)
CONTRAST_BALANCE = 0.179  # relative luminance on which black and white letters have the same contrast


def class_color(number: int) -> Color:
    """Give the colour of a class: seven colours, then these lighter, then darker, then again.

    Args:
        number: of the class, 0 or more.

    Returns:
        RGB in 0..255.
    """
    color = COLORS[number % len(COLORS)]
    share = VARIANTS[number // len(COLORS) % len(VARIANTS)]
    goal = WHITE if share > 0 else BLACK
    return tuple(round(own + abs(share) * (end - own)) for own, end in zip(color, goal, strict=True))


def ink_on(color: Color) -> Color:
    """Give black or white, whichever is more legible on a colour.

    Reference:
        Web Content Accessibility Guidelines 2.2, "relative luminance" and "contrast ratio".
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _shares(color)]
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return BLACK if luminance > CONTRAST_BALANCE else WHITE


def hexadecimal(color: Color) -> str:
    """Write a colour as a page does, `#e69f00`."""
    return "#" + "".join(f"{part:02x}" for part in color)


def _shares(color: Color) -> list[float]:
    return [part / 255 for part in color]
