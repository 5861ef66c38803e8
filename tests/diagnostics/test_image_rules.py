"""The findings of diagnose and Monitor for convolutional networks with a planted fault and for healthy ones."""

import numpy as np
import pytest

from minidl import Sequential, diagnose
from minidl.callbacks import Monitor
from minidl.diagnostics import collect_signals
from minidl.diagnostics._evidence import by_unit, kernels
from minidl.initializers import HeNormal
from minidl.layers import (
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    LayerNormalization,
    PReLU,
    ReLU,
    SeparableConv2D,
    Sigmoid,
    Softmax,
)
from minidl.optimizers import SGD, Adam
from minidl.parameters import Parameters
from tests.helpers.image_faults import FAULTS, HEALTHY, convnet, digits, photographs_in_unit, series

pytestmark = pytest.mark.filterwarnings("ignore:.*look like .channels, height, width:UserWarning")


def found(layers, x, y, rule):
    """The findings of this rule for the layers, which `compile` gives the default loss."""
    return [finding for finding in diagnose(Sequential(layers, seed=0), x, y).findings if finding.rule == rule]


# ---- planted faults and healthy networks


@pytest.mark.parametrize("name", FAULTS)
def test_the_planted_fault_is_named_first(name):
    case = FAULTS[name]
    first = diagnose(*case.make()).findings[0]
    assert first.rule == case.rule
    assert case.words in first.words + first.advice


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_network_raises_no_alarm(name):
    findings = diagnose(*HEALTHY[name].make()).findings
    assert [str(finding) for finding in findings if finding.severity != "note"] == []


# ---- kernels and their filters


@pytest.mark.parametrize(
    ("layer", "shape", "units"),
    [
        (Conv2D(5, 3), (6, 6, 4), 5),
        (Conv1D(5, 3), (6, 4), 5),
        (Conv2DTranspose(5, 3), (6, 6, 4), 5),
        (DepthwiseConv2D(3, depth_multiplier=2), (6, 6, 4), 8),
        (Dense(5), (4,), 5),
    ],
)
def test_a_kernel_has_a_column_for_each_filter(layer, shape, units):
    layer.build(shape)
    (kernel,) = kernels(layer).values()
    columns = by_unit(layer, np.arange(kernel.size).reshape(kernel.shape))
    assert columns.shape == (kernel.size // units, units)
    assert np.array_equal(np.sort(columns.ravel()), np.arange(kernel.size))


def test_the_column_of_a_transposed_kernel_is_that_of_its_filter():
    layer = Conv2DTranspose(2, 3)
    layer.build((4, 4, 3))
    value = np.zeros((3, 3, 2, 3))
    value[:, :, 1] = 1
    assert by_unit(layer, value).any(axis=0).tolist() == [False, True]


def test_parameters_of_single_pixels_are_no_kernels():
    for layer in (PReLU(), LayerNormalization(axis=(1, 2, 3))):
        layer.build((4, 4, 3))
        assert kernels(layer) == {}
    separable = SeparableConv2D(4, 3)
    separable.build((4, 4, 3))
    assert list(kernels(separable)) == ["depthwise_kernel", "pointwise_kernel"]


@pytest.mark.parametrize("dead", [9, 16])
def test_a_filter_is_dead_if_it_returns_0_at_every_place(dead):
    model = convnet((16,))
    model.build((8, 8, 1))
    model.params["conv2d/bias"].value[:dead] = -20
    finding = next(f for f in diagnose(model, *digits()).findings if f.rule == "dead-units")
    assert finding.words.startswith(f"{dead} of 16 filters of conv2d are dead: re_lu returns 0")
    assert finding.figures["dead"]["re_lu"] == dead / 16
    assert finding.severity == ("error" if dead == 16 else "note")


# ---- what kernels see


@pytest.mark.parametrize(
    ("layer", "shape", "reached"),
    [
        (Conv2D(2, 3, padding="same"), (1, 1, 4), (1, 1)),
        (Conv2D(2, 3, padding="same"), (2, 2, 4), (3, 3)),
        (Conv2D(2, 3, padding="same"), (1, 5, 4), (1, 3)),
        (Conv2D(2, 5, padding="same"), (2, 2, 4), (3, 3)),
        (Conv2D(2, 3), (3, 3, 4), (3, 3)),
        (Conv1D(2, 3, padding="causal", dilation_rate=8), (8, 1), (1,)),
        (Conv1D(2, 3, padding="causal", dilation_rate=8), (9, 1), (2,)),
        (Conv1D(2, 3, padding="same", strides=4), (4, 1), (3,)),
    ],
)
def test_cells_that_meet_only_padding_have_no_gradient(layer, shape, reached):
    layer.build(shape)
    Parameters(layer.named_parameters(), np.dtype("float64")).initialize(np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(3, *shape))
    layer.backward(np.random.default_rng(2).normal(size=layer.forward(x).shape))
    with_gradient = np.count_nonzero(layer.kernel.grad.any(axis=(-1, -2)))
    assert with_gradient == np.prod(reached)
    assert layer.correlation.windows.reached == reached


def test_a_kernel_somewhat_larger_than_its_image_is_a_note():
    x, y = digits()
    layers = [Conv2D(8, 3, strides=4, padding="same"), ReLU(), Conv2D(8, 5, padding="same"), ReLU(), Flatten()]
    (finding,) = found([*layers, Dense(10), Softmax()], x, y, "kernel-beyond-image")
    assert (finding.severity, finding.path) == ("note", "conv2d_1")
    assert finding.words.startswith(
        "16 of the 25 cells of conv2d_1's kernel see only padding: its input has 2 x 2 places"
    )


# ---- the order of axes


@pytest.mark.parametrize(
    ("shape", "named"),
    [
        ((3, 16, 16), True),
        ((1, 8, 8), True),
        ((3, 10, 14), True),
        ((1, 32, 9), False),
        ((16, 16, 3), False),
        ((3, 3, 16), False),
    ],
)
def test_rows_that_look_like_channels_first_are_named(shape, named):
    x = np.random.default_rng(0).uniform(size=(60, *shape))
    y = np.arange(60) % 2
    layers = [Conv2D(4, (1, 3), padding="same"), ReLU(), Flatten(), Dense(1), Sigmoid()]
    assert len(found(layers, x, y, "channels-first")) == named


# ---- linear layers one after the other


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([Conv1D(4, 3), Conv1D(4, 3)], True),
        ([Conv1D(4, 3), ReLU(), Conv1D(4, 3), ReLU()], False),
        ([Conv1D(4, 3), BatchNormalization(), ReLU()], False),
    ],
)
def test_sequences_need_activations_between_convolutions(layers, named):
    x, y = series()
    ends = [] if named else [ReLU()]
    network = [*layers, *(ends or [ReLU()]), Flatten(), Dense(3), Softmax()]
    assert bool(found(network, x, y, "missing-activation")) == named


def test_a_code_narrower_than_both_sides_needs_no_activation():
    x, y = digits()
    rows = x.reshape(len(x), -1)

    def layers(code):
        return [Dense(code), Dense(64, kernel_initializer=HeNormal()), ReLU(), Dense(10), Softmax()]

    assert found(layers(8), rows, y, "missing-activation") == []
    assert len(found(layers(64), rows, y, "missing-activation")) == 1


# ---- images and labels


def test_equal_channels_are_a_grey_image_in_colour():
    x, y = photographs_in_unit()
    grey = np.repeat(x.mean(axis=-1, keepdims=True), 3, axis=-1)
    (finding,) = found([Conv2D(4, 3), ReLU(), Flatten(), Dense(1), Sigmoid()], grey, y, "repeated-columns")
    assert finding.words == "Channels 0, 1, 2 are equal in every row."


def test_borders_that_never_change_are_no_finding_for_a_convolution():
    x, y = digits()
    assert (x == x[0]).all(axis=0).any()
    assert found([Conv2D(4, 3), ReLU(), Flatten(), Dense(10), Softmax()], x, y, "constant-input") == []


def test_dropout_right_before_batch_normalization_is_a_note():
    x, y = digits()
    layers = [Conv2D(8, 3), Dropout(0.3), BatchNormalization(), ReLU(), Flatten(), Dense(10), Softmax()]
    (finding,) = found(layers, x, y, "dropout")
    assert (finding.severity, finding.advice) == ("note", "Put dropout behind batch_normalization.")


def test_the_signals_of_a_network_of_images_say_that_it_has_channels():
    x, y = digits()
    images = collect_signals(convnet(), x, y)
    rows = collect_signals(Sequential([Flatten(), Dense(10), Softmax()]), x, y)
    assert (images.has_channels, rows.has_channels) == (True, False)


# ---- Monitor


def monitored(model, x, y, **settings):
    monitor = Monitor(2)
    model.fit(x, y, callbacks=[monitor], verbose=0, **settings)
    return monitor.findings


@pytest.mark.parametrize("name", ["digits", "digits, batch norm", "stripes", "series", "autoencoder", "digits, PReLU"])
def test_a_healthy_training_raises_no_alarm(name):
    case = HEALTHY[name]
    model, x, y = case.make()
    findings = monitored(model, x[:1000], y[:1000], epochs=2 * case.epochs, validation_split=0.2)
    assert [str(finding) for finding in findings if finding.severity != "note"] == []


@pytest.mark.parametrize(
    "name", ["Adam(1)", "SGD(1e-5)", "biases of -20", "bytes of digits", "one digit", "10 sigmoids"]
)
def test_the_fault_of_a_training_is_named_first(name):
    model, x, y = FAULTS[name].make()
    rule = FAULTS[name].rule
    assert monitored(model, x[:400], y[:400], epochs=5)[0].rule == rule


@pytest.mark.parametrize(("rows", "named"), [(1, True), (16, False)])
def test_batch_normalization_needs_batches_of_several_rows(rows, named):
    x, y = digits()
    model = Sequential([Flatten(), Dense(8), BatchNormalization(), ReLU(), Dense(10), Softmax()], seed=0)
    model.compile(SGD(0.01) if named else Adam(0.01))
    findings = monitored(model, x[:60], y[:60], epochs=2, batch_size=rows)
    assert [f.path for f in findings if f.rule == "one-row-batches"] == ["batch_normalization"] * named
