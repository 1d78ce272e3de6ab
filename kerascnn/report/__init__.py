"""The report of a run: its card (card.json), its page (report.html), its plots and captioned pictures; contact sheets.

Everything here works on plain numbers, strings and uint8 pictures.
"""

from kerascnn.report.card import read_card, write_card
from kerascnn.report.detection_plots import plot_cumulative_error, plot_detection_errors, plot_precision_recall
from kerascnn.report.draw import draw_label, thumbnail, write_picture
from kerascnn.report.draw_annotations import draw_boxes, draw_points
from kerascnn.report.face_plots import plot_map, plot_progress, plot_roc, plot_similarities
from kerascnn.report.gallery import Mistake, describe_answer, draw_answer, make_mistake
from kerascnn.report.history import HISTORY_NAME, read_history, write_history
from kerascnn.report.html import MAX_BEST, MAX_MISTAKES, by_reason, leading_split, write_html
from kerascnn.report.machine import name_processor
from kerascnn.report.plots import plot_confusion, plot_history, plot_learning_rate_search
from kerascnn.report.sheet import beside, contact_sheet, draw_annotation
from kerascnn.report.style_plots import plot_costs

__all__ = [
    "HISTORY_NAME",
    "MAX_BEST",
    "MAX_MISTAKES",
    "Mistake",
    "beside",
    "by_reason",
    "contact_sheet",
    "describe_answer",
    "draw_annotation",
    "draw_answer",
    "draw_boxes",
    "draw_label",
    "draw_points",
    "leading_split",
    "make_mistake",
    "name_processor",
    "plot_confusion",
    "plot_costs",
    "plot_cumulative_error",
    "plot_detection_errors",
    "plot_history",
    "plot_learning_rate_search",
    "plot_map",
    "plot_precision_recall",
    "plot_progress",
    "plot_roc",
    "plot_similarities",
    "read_card",
    "read_history",
    "thumbnail",
    "write_card",
    "write_history",
    "write_html",
    "write_picture",
]
