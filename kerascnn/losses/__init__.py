"""Losses: functions of (annotation, outputs), in `keras.ops`."""

from kerascnn.losses.classification import AuxiliaryCrossEntropy, SmoothedCrossEntropy

__all__ = ["AuxiliaryCrossEntropy", "SmoothedCrossEntropy"]
