"""
4. Images
=========

A photograph is a row of numbers too. In this chapter a slightly deeper network learns to classify two kinds of
photographs; then it is saved and loaded.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from minidl import Sequential, load_model
from minidl.datasets import load_cats, write_photographs
from minidl.initializers import LecunNormal
from minidl.layers import Dense, ReLU, Sigmoid
from minidl.optimizers import SGD
from minidl.plots import cost_curves

# %%
# Pixels into rows
# ----------------
# The notebook's photographs of cats are in two HDF5 files: 209 for training and 50 for testing, 64 x 64 pixels in three
# colors. ``load_cats`` reads them. minidl may not distribute them, so this page uses a substitute in the same format:
# patches of two photographs from scikit-learn, a temple and a flower. If you have the course's files, pass their
# directory to ``load_cats``; the rest stays the same.

directory = Path(tempfile.mkdtemp())
write_photographs(directory)
photos = load_cats(directory)

figure, axes = plt.subplots(1, 6, figsize=(11, 2.2), layout="constrained")
for ax, picture, label in zip(axes, photos.x_train, photos.y_train, strict=False):
    ax.imshow(picture)
    ax.set_title(photos.classes[label])
    ax.set_axis_off()

# %%
# Each photograph becomes a row of 64 * 64 * 3 = 12,288 numbers, divided by 255 so that they are between 0 and 1. Inputs
# in the hundreds would make the signal of the first layer hundreds of times too large, as in chapter 1.

x_train, x_test = (x.reshape(len(x), -1) / 255 for x in (photos.x_train, photos.x_test))
print(x_train.shape, x_test.shape)

# %%
# Training
# --------
# The notebook's network for cats has layers of 20, 7, 5 and 1 units, weights of size 1/sqrt(n), and learning rate
# 0.0075.

model = Sequential(
    [
        Dense(20, kernel_initializer=LecunNormal()),
        ReLU(),
        Dense(7, kernel_initializer=LecunNormal()),
        ReLU(),
        Dense(5, kernel_initializer=LecunNormal()),
        ReLU(),
        Dense(1, kernel_initializer=LecunNormal()),
        Sigmoid(),
    ],
    seed=0,
)
model.compile(SGD(0.0075), metrics=["accuracy"])
history = model.fit(x_train, photos.y_train, batch_size=len(x_train), epochs=1000)
model

# %%
# Nearly all of its 245,973 parameters are in the first layer: one weight for each unit and each number of a photograph.

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
cost_curves(history, ax=ax).set_title("[12288, 20, 7, 5, 1], SGD(0.0075)")
for name, x, y in (("train", x_train, photos.y_train), ("test", x_test, photos.y_test)):
    print(f"{name:5s} accuracy {model.evaluate(x, y)[1]:.2f} on {len(y)} photographs")

# %%
# A flower and a temple differ in color, which makes this task easy. Cats are harder: on the course's photographs the
# same network memorizes all 209 and recognizes about three of four new ones (:doc:`/notebook`). Look at predictions
# before you trust a number:

said = (model.predict(x_test)[:, 0] > 0.5).astype(int)
figure, axes = plt.subplots(1, 6, figsize=(11, 2.2), layout="constrained")
for ax, picture, guess, label in zip(axes, photos.x_test, said, photos.y_test, strict=False):
    ax.imshow(picture)
    ax.set_title(f"{photos.classes[guess]} ({'right' if guess == label else 'wrong'})")
    ax.set_axis_off()

# %%
# Save and load
# -------------
# One HDF5 file contains the whole model: layers, weights, optimizer, random generator. The loaded model is equal to the
# last bit.

model.save(directory / "photographs.h5")
again = load_model(directory / "photographs.h5")
print(np.array_equal(again.predict(x_test), model.predict(x_test)))
