"""Keras's `keras.applications`, networks for images: importing it raises the error that says what to use instead."""

from ._absent import refuse

refuse("applications")
