"""Keras's `keras.wrappers`, estimators of scikit-learn: importing it raises the error that says what to use instead."""

from ._absent import refuse

refuse("wrappers")
