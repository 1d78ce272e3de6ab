"""The report of a run: its card (card.json), its page (report.html), its plots and its captioned pictures.

Everything here works on plain numbers, strings and uint8 pictures.
"""

from kerascnn.report.card import read_card, write_card
from kerascnn.report.draw import draw_label, thumbnail, write_picture
from kerascnn.report.html import MAX_MISTAKES, Mistake, leading_split, write_html
from kerascnn.report.plots import plot_confusion, plot_history

__all__ = [
    "MAX_MISTAKES",
    "Mistake",
    "draw_label",
    "leading_split",
    "plot_confusion",
    "plot_history",
    "read_card",
    "thumbnail",
    "write_card",
    "write_html",
    "write_picture",
]
