"""
5. Convolution
==============

A dense layer treats an image as a list of numbers in any order. A convolution knows which pixels are neighbors: it
looks at one small window at a time, with the same weights everywhere. This chapter shows its formula and its
derivative, and trains a small convolutional network on handwritten digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_sample_image
from sklearn.model_selection import train_test_split

from minidl import Sequential, check_layer, check_model
from minidl.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, RandomTranslation, ReLU, Softmax
from minidl.optimizers import Adam
from minidl.plots import cost_curves, feature_maps, filters, mistakes, saliency


def show(images, titles=(), *, rows=1, height=1.7, cmap="gray"):
    """Draw the images in so many rows."""
    size = {"figsize": (11, height * rows), "layout": "constrained", "squeeze": False}
    axes = plt.subplots(rows, len(images) // rows, **size)[1]
    for ax, image in zip(axes.flat, images, strict=True):
        ax.imshow(image, cmap=cmap)
        ax.set_axis_off()
    for ax, title in zip(axes.flat, titles, strict=False):
        ax.set_title(title)


# %%
# One filter on one image
# -----------------------
# A filter is a small array of weights, here 3 x 3. It is laid on the image at every pixel p; the output at p is the sum
# of the nine pixels below it, each times its weight, plus a bias::
#
#     y[p] = sum_i x[p + i] W[i] + b,    i = (0, 0), (0, 1), ..., (2, 2)
#
# Most filters are learned. These two are chosen by hand: the first subtracts the pixels on the left from those on the
# right, so its output is large at vertical edges; the second does the same for horizontal edges. (Mathematics calls the
# sum a correlation, and a convolution flips the filter first; deep learning calls both convolution.)

photograph = load_sample_image("china.jpg")[60:300, 200:560].mean(axis=2) / 255  # gray: (240, 360), from 0 to 1
vertical = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
kernel = np.stack([vertical, vertical.T], axis=-1)[:, :, None]  # (height, width, channels, filters)

edges = Sequential([Conv2D(2, 3)])
edges.build((*photograph.shape, 1))
edges.set_weights([kernel, np.zeros(2)])  # and the biases
y = edges.predict(photograph[None, :, :, None])[0]

size = np.abs(y).transpose(2, 0, 1)
show([photograph, *size], ["image", "vertical edges", "horizontal edges"], height=2.6)

# %%
# A 3 x 3 window fits 238 times in a column of 240 pixels. ``padding="same"`` adds a border of zeros, so that the output
# has the size of the image. One pixel of the output, computed by hand:

print(photograph.shape, "->", y.shape)
print(y[100, 50, 0], np.sum(photograph[100:103, 50:53] * vertical))

# %%
# An image of several channels, such as the three colors of a photograph or the outputs of the filters of the layer
# below, has weights for each of them: a kernel is (height, width, channels, filters). Two 3 x 3 filters on a gray image
# have 2 * 9 weights and 2 biases, whatever the size of the image. A dense layer from this photograph to these outputs
# would have 14 billion:

print(edges.count_params(), photograph.size * y.size)

# %%
# Backward
# --------
# A weight W[i] is used at every position p, where it is multiplied by x[p + i]. So its derivative is a sum over all
# positions of dy[p] = dL/dy[p] times the pixel that the weight met there::
#
#     dW[i] = sum_p x[p + i] dy[p],    db = sum_p dy[p]
#
# A pixel is seen by up to nine windows. Each window adds its dy[p] times the weight that it laid on the pixel::
#
#     dx[p + i] += W[i] dy[p]
#
# The gradient checker compares both with derivatives that it computes from ``forward`` alone (:doc:`chapter 3
# <chapter_3_gradient_checking>`):

check_layer(Conv2D(4, 3, padding="same"), input_shape=(6, 5, 2))

# %%
# Digits
# ------
# scikit-learn has 1,797 handwritten digits of 8 x 8 pixels. A quarter of them is for testing.

digits, labels = load_digits(return_X_y=True)
digits = digits.reshape(-1, 8, 8, 1) / 16  # from 0 to 1
x, x_test, y, y_test = train_test_split(digits, labels, test_size=450, random_state=0, stratify=labels)

show(x[:20, ..., 0], y[:20], rows=2, height=1.4, cmap="gray_r")

# %%
# The network alternates convolution and pooling. ``MaxPooling2D()`` keeps the largest of each 2 x 2 pixels, so the
# images become smaller and the windows of the next layer cover more of the digit. At the end, ``Flatten`` makes a row
# of 2 * 2 * 64 numbers, and a dense layer classifies it. A dense network of the kind of chapter 4 is trained beside it.


def convolutional(augmentation=()):
    return Sequential(
        [
            *augmentation,
            Conv2D(32, 3, padding="same"),
            ReLU(),
            Conv2D(32, 3, padding="same"),
            ReLU(),
            MaxPooling2D(),
            Dropout(0.25),
            Conv2D(64, 3, padding="same"),
            ReLU(),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.4),
            Dense(10),
            Softmax(),
        ],
        seed=0,
    )


def dense(augmentation=()):
    return Sequential([*augmentation, Flatten(), Dense(64), ReLU(), Dense(32), ReLU(), Dense(10), Softmax()], seed=0)


def trained(model, epochs=30):
    """Train the model; return its history."""
    model.compile(Adam(0.002), metrics=["accuracy"])
    return model.fit(x, y, batch_size=64, epochs=epochs)


models = {"dense": dense(), "convolutional": convolutional()}
histories = {name: trained(model) for name, model in models.items()}
models["convolutional"]

# %%
# Dropout makes the cost of the convolutional network noisy. It still falls faster than that of the dense one, and fewer
# new digits are wrong.

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
cost_curves(histories, ax=ax, log=True)
for name, model in models.items():
    wrong = np.sum(model.predict(x_test).argmax(axis=1) != y_test)
    print(f"{name:13s} {model.count_params():6,} parameters, {wrong:2d} of {len(y_test)} test digits wrong")

# %%
# One split proves little. Over five splits, with 40 epochs, the test accuracy of the convolutional network was 0.978 to
# 0.993, on average 0.988 with a standard deviation of 0.005; that of the dense one was 0.962 to 0.973, on average 0.970
# (``python -m tests.benchmarks.digits``).
#
# Augmentation
# ------------
# A convolution computes the same wherever a stroke is, but the last dense layer still knows where it was, and all
# digits here are in the middle. To see how much the networks rely on this, move all test digits by one pixel. A remedy
# is to move the training digits too, each time differently: an augmentation layer changes its input in training, and
# passes it on as it is otherwise.


def moved(images, down, right):
    """Return the images moved by so many pixels; zeros come in."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return padded[:, 1 - down : 9 - down, 1 - right : 9 - right]


def moving():
    return [RandomTranslation(0.15, 0.15, fill_mode="constant")]


models |= {"dense, moved": dense(moving()), "conv., moved": convolutional(moving())}
for name in ("dense, moved", "conv., moved"):
    trained(models[name])

# %%
# A digit, and how the network may see it in seven epochs:

layer = models["conv., moved"].layers[0]
show([x[0, ..., 0], *(layer.forward(x[:1], training=True)[0, ..., 0] for _ in range(7))], cmap="gray_r")

# %%
# Accuracy on the test digits as they are, and on the same digits moved by one pixel up, down, left and right:

shifted = np.concatenate([moved(x_test, *step) for step in ((-1, 0), (1, 0), (0, -1), (0, 1))])
print("               as they are  moved")
for name, model in models.items():
    as_they_are, after = (model.evaluate(*data)[1] for data in ((x_test, y_test), (shifted, np.tile(y_test, 4))))
    print(f"{name:14s} {as_they_are:11.3f}  {after:5.3f}")

# %%
# One pixel is enough to make the dense network wrong on half of the digits. The convolutional network loses fewer, and
# almost none after training on moved digits. The dense network must learn every stroke again at every place, so moved
# digits help it less, and it becomes worse on the others.
#
# What the filters see
# --------------------
# The 32 filters of the first layer; middle gray is 0, white a large weight. They look for strokes, corners and sides of
# strokes. Larger images give clearer filters.

model = models["convolutional"]
filters(model)

# %%
# The outputs of these filters after ReLU, for one test digit. Some filters keep the strokes, some only strokes of one
# direction, or one side of them, some the background.

feature_maps(model, x_test[0], "re_lu")

# %%
# The test digits that the network gets wrong, the surest first. Some are hard for people too:

mistakes(model, x_test, y_test)

# %%
# The derivative of the cost with respect to the pixels shows which of them matter most for a digit:

saliency(model, x_test[:3], y_test[:3])

# %%
# The gradient check of the whole network, with dropout and augmentation on:

check_model(models["conv., moved"], x[:8], y[:8])

# %%
# Photographs
# -----------
# The 209 photographs of cats are few, but enough for a small convolutional network. In ten random splits into 209 to
# train and 50 to test, the dense network of chapter 4 has a mean test accuracy of 0.65. A convolutional network on
# 16 x 16 pixels, with mirrored and moved photographs, has 0.85 (:doc:`/notebook`).
