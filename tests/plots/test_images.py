"""Plots of convolutional networks: the images that they draw, and their places."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from minidl import DataError, NotBuiltError, Sequential, SettingError, ShapeError
from minidl.estimators import SequentialClassifier
from minidl.layers import (
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    MaxPooling2D,
    ReLU,
    Rescaling,
    Reshape,
    SeparableConv2D,
    Softmax,
)
from minidl.plots import confusion_matrix, feature_maps, filters, mistakes, saliency

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(12, 6, 6, 3))
Y = np.arange(12) % 3


def network(*first, filters=5):
    return Sequential(
        [*first, Conv2D(filters, 3), ReLU(), Dropout(0.5), MaxPooling2D(), Flatten(), Dense(3), Softmax()], seed=0
    )


@pytest.fixture
def model():
    model = network()
    model.compile(loss="sparse_categorical_crossentropy")
    model.build((6, 6, 3))
    return model


def images(ax):
    """The arrays of the images on the Axes."""
    return [np.asarray(image.get_array()) for image in ax.images]


def extents(ax):
    return [tuple(image.get_extent()) for image in ax.images]


# ---- filters


def test_kernels_of_three_channels_are_drawn_in_colour_on_one_scale(model):
    kernel = model.params["conv2d/kernel"].value
    ax = filters(model)
    (grid,) = images(ax)
    assert grid.shape == (2 * 4 - 1, 3 * 4 - 1, 3)
    assert np.allclose(grid[:3, :3], 0.5 + kernel[..., 0] / (2 * np.abs(kernel).max()), atol=1e-6)
    assert np.allclose(grid[4:7, 4:7], 0.5 + kernel[..., 4] / (2 * np.abs(kernel).max()), atol=1e-6)
    assert (grid[3] == 1).all() and (grid[4:, 8:] == 1).all()
    assert ax.get_title() == "conv2d: 5 filters 3 x 3"


@pytest.mark.parametrize(("channel", "title"), [(None, ", mean of 4 channels"), (2, ", channel 2")])
def test_kernels_of_other_numbers_of_channels_are_grey(channel, title):
    layer = Conv2D(9, 2, name="second")
    Sequential([layer]).build((5, 5, 4))
    ax = filters(layer, channel=channel)
    (grid,) = images(ax)
    part = layer.kernel.value.mean(axis=2) if channel is None else layer.kernel.value[:, :, channel]
    assert grid.shape == (8, 8)
    assert np.allclose(grid[3:5, 6:8], 0.5 + part[..., 5] / (2 * np.abs(part).max()), atol=1e-6)
    assert np.isnan(grid[2]).all()
    assert ax.images[0].get_clim() == (0, 1)
    assert ax.get_title() == f"second: 9 filters 2 x 2{title}"


@pytest.mark.parametrize(
    ("layer", "shape", "title"),
    [
        (Conv1D(6, 4), (9, 2), "6 filters 2 x 4"),
        (Conv2DTranspose(6, 3), (5, 5, 3), "6 filters 3 x 3"),
        (DepthwiseConv2D(3, depth_multiplier=2), (5, 5, 4), "8 filters 3 x 3"),
        (SeparableConv2D(6, 3), (5, 5, 4), "4 filters 3 x 3"),
        (Conv2D(4, (2, 3)), (5, 5, 1), "4 filters 2 x 3"),
    ],
)
def test_every_convolution_is_drawn(layer, shape, title):
    Sequential([layer]).build(shape)
    ax = filters(layer)
    assert ax.get_title() == f"{type(layer).__name__}: {title}"
    assert len(ax.images) == 1


def test_a_layer_is_chosen_by_its_path(model):
    deeper = Sequential([Conv2D(4, 3), ReLU(), Conv2D(5, 3), Flatten(), Dense(3), Softmax()], seed=0)
    deeper.build((6, 6, 3))
    assert filters(deeper, "conv2d_1").get_title().startswith("conv2d_1: 5 filters")
    with pytest.raises(SettingError, match=r"filters: layer must be .*conv2d"):
        filters(deeper, "dense")


def test_what_has_no_kernels_raises(model):
    dense = Sequential([Dense(2)])
    dense.build((3,))
    with pytest.raises(DataError, match="sequential has no convolution"):
        filters(dense)
    with pytest.raises(NotBuiltError):
        filters(network())
    with pytest.raises(SettingError, match="Conv2D has no kernels yet"):
        filters(Conv2D(2, 3))
    with pytest.raises(SettingError, match=r"filters takes a model, .* got ndarray of shape"):
        filters(X)
    with pytest.raises(SettingError, match="channel must be 0 to 2, got 3"):
        filters(model, channel=3)
    assert plt.get_fignums() == []


# ---- feature maps


def test_every_layer_with_channels_has_a_grid(model):
    ax = feature_maps(model, X[0])
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["conv2d\n4 x 4 x 5", "re_lu\n4 x 4 x 5", "dropout\n4 x 4 x 5", "max_pooling2d\n2 x 2 x 5"]
    tops = [extent[3] for extent in extents(ax)]
    bottoms = [extent[2] for extent in extents(ax)]
    assert all(bottom < top for bottom, top in zip(bottoms, tops[1:], strict=False))
    assert ax.get_ylim() == pytest.approx((bottoms[-1], 0))


def test_a_grid_has_the_outputs_of_the_row(model):
    outputs = model.layer.layers[0].forward(X[:1].astype(np.float32))[0]
    ax = feature_maps(model, X[:1], "conv2d")
    (grid,) = images(ax)
    scaled = (outputs - outputs.min()) / (outputs.max() - outputs.min())
    assert grid.shape == (4, 5 * 5 - 1)
    for number in range(5):
        assert np.allclose(grid[:, 5 * number : 5 * number + 4], scaled[..., number], atol=1e-5)


def test_the_maps_of_a_sequence_lie_below_each_other():
    model = Sequential([Conv1D(7, 3), ReLU(), Flatten(), Dense(1)], seed=0)
    ax = feature_maps(model, RNG.normal(size=(1, 10, 2)))
    assert [grid.shape for grid in images(ax)] == [(7, 8), (7, 8)]
    assert not model.built


def test_one_row_is_drawn(model):
    with pytest.raises(ShapeError, match=r"feature_maps draws one row, got x of shape \(12, 6, 6, 3\); .* x\[0\]"):
        feature_maps(model, X)
    dense = Sequential([Dense(2)])
    dense.build((3,))
    with pytest.raises(DataError, match="no layer of sequential returns images or sequences"):
        feature_maps(dense, np.ones(3))
    assert plt.get_fignums() == []


# ---- saliency


def test_beside_each_image_is_the_size_of_the_gradient(model):
    ax = saliency(model, X[:2], Y[:2])
    photograph, slope, *_ = images(ax)
    expected = np.abs(model.input_gradient(X[:2], Y[:2]))[0].max(axis=-1)
    assert len(ax.images) == 4
    assert np.allclose(photograph, X[0])
    assert np.allclose(slope, expected / expected.max(), atol=1e-6)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["x", "|dL/dx|"]
    left, right = extents(ax)[:2]
    assert left[1] < right[0] and left[2:] == right[2:]


def test_the_first_eight_are_drawn(model):
    assert len(saliency(model, X, Y).images) == 16
    assert len(saliency(model, X[0], Y[0]).images) == 2


def test_bytes_are_drawn_as_a_photograph():
    x = (255 * X).astype(np.uint8)
    model = network(Rescaling(1 / 255))
    model.compile(loss="sparse_categorical_crossentropy")
    assert np.allclose(images(saliency(model, x[:1], Y[:1]))[0], x[0] / 255)


def test_numbers_below_0_are_stretched(model):
    photograph = images(saliency(model, 4 * X[:1] - 2, Y[:1]))[0]
    assert (photograph.min(), photograph.max()) == (0, 1)


def test_estimators_are_drawn_with_the_labels_of_their_users():
    labels, rows = np.array(["a", "b", "c"])[Y], X.reshape(12, -1)

    def layers(outputs):
        return [Reshape((6, 6, 3)), Conv2D(4, 3), ReLU(), Flatten(), Dense(outputs), Softmax()]

    classifier = SequentialClassifier(layers, epochs=1).fit(rows, labels)
    assert filters(classifier).get_title() == "conv2d: 4 filters 3 x 3"
    assert len(feature_maps(classifier, rows[0]).images) == 3
    assert len(confusion_matrix(classifier, rows, labels).images) == 1


def test_saliency_needs_images(model):
    with pytest.raises(ShapeError, match=r"saliency draws images .*, got x of shape \(4, 3\)"):
        saliency(model, np.ones((4, 3)), Y[:4])
    two = Sequential([Conv2D(2, 3), Flatten(), Dense(3), Softmax()], seed=0)
    two.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match="images of 1 or 3 channels, got 2"):
        saliency(two, X[..., :2], Y)


# ---- mistakes


def test_mistakes_are_named_and_the_surest_come_first(model):
    p = model.predict(X)
    wrong = np.flatnonzero(p.argmax(axis=1) != Y)
    second, first = np.sort(p[wrong], axis=1)[:, -2:].T
    order = wrong[np.argsort(-(first - second), kind="stable")]
    assert len(order) > 4
    ax = mistakes(model, X, Y, count=4)
    assert np.allclose(images(ax)[0], X[order[0]])
    assert [text.get_text() for text in ax.texts] == [f"{p[i].argmax()}, not {Y[i]}" for i in order[:4]]
    assert ax.get_title() == f"{len(order)} of 12 predicted wrongly, the surest 4"
    assert mistakes(model, X, Y).get_title() == f"{len(order)} of 12 predicted wrongly"


def test_a_model_without_mistakes_has_an_empty_plot(model):
    ax = mistakes(model, X, model.predict(X).argmax(axis=1))
    assert (len(ax.images), ax.get_title()) == (0, "0 of 12 predicted wrongly")


def test_mistakes_need_a_class_for_each_image(model):
    with pytest.raises(DataError, match="mistakes: x has 12 examples, y has 11"):
        mistakes(model, X, Y[:11])
    with pytest.raises(ShapeError, match="mistakes draws images"):
        mistakes(model, X[0], Y)


@pytest.mark.parametrize("plot", ["filters", "feature_maps", "saliency", "mistakes"])
def test_the_axes_that_are_given_are_drawn_on(model, plot):
    given = plt.subplots()[1]
    calls = {
        "filters": lambda: filters(model, ax=given),
        "feature_maps": lambda: feature_maps(model, X[0], ax=given),
        "saliency": lambda: saliency(model, X, Y, ax=given),
        "mistakes": lambda: mistakes(model, X, Y, ax=given),
    }
    before = model.params.theta.copy()
    assert calls[plot]() is given
    assert given.images
    assert np.array_equal(model.params.theta, before)
