"""Keras's `keras.datasets`, data sets: importing it raises the error that says what to use instead."""

from ._absent import refuse

refuse("datasets")
