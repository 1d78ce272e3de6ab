"""Losses: functions of (annotation, outputs), in `keras.ops`."""

from kerascnn.losses.classification import AuxiliaryCrossEntropy

__all__ = ["AuxiliaryCrossEntropy"]
