"""The embedded data set `scenes`: rendered photographs of toys on a table, for every task, without a download."""

from kerascnn.data.scenes.builder import Scenes, ScenesConfig
from kerascnn.data.scenes.layout import CLASSES
from kerascnn.data.scenes.renderer import SPLITS, render_scene

__all__ = ["CLASSES", "SPLITS", "Scenes", "ScenesConfig", "render_scene"]
