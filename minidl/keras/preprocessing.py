"""Keras's `keras.preprocessing`, preparation of data: importing it raises the error that says what to use instead."""

from ._absent import refuse

refuse("preprocessing")
