"""Calibration of light meters against reference figures that a person types."""
