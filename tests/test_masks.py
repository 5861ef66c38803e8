"""Masks of padded steps: they pass through layers and containers to losses and metrics; padding changes no number."""

import warnings

import numpy as np
import pytest

from minidl import Model, Sequential
from minidl.errors import DataError, ShapeError
from minidl.layers import (
    GELU,
    ActivityRegularization,
    Add,
    Chain,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Graph,
    GroupNormalization,
    Layer,
    LayerNormalization,
    Masking,
    Residual,
    Softmax,
    Tanh,
    UnitNormalization,
    run_masked,
)
from minidl.losses import MeanSquaredError, SparseCategoricalCrossentropy
from minidl.metrics import MeanAbsoluteError
from minidl.registry import KerasLayer
from minidl.regularizers import L2
from tests.helpers.every_layer import rows_with

rng = np.random.default_rng(0)
IDS = rng.integers(1, 9, (12, 6))
IDS[:5, 3:] = 0
LABELS = rng.integers(0, 4, (12, 6))


class StepsSeen(Layer):
    """y = x. It keeps the mask that reaches it."""

    def forward(self, x, training=False):
        return self.masked_forward(x, None, training)[0]

    def masked_forward(self, x, mask, training=False):
        self.mask = mask
        return x, mask

    def backward(self, dy):
        return dy


class Alone(Layer):
    """y = 2 x. It knows nothing of masks."""

    def forward(self, x, training=False):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


def mask_after(*layers):
    seen = StepsSeen()
    model = Sequential([Embedding(9, 3, mask_zero=True), *layers, seen, GlobalAveragePooling1D()], seed=0)
    model.predict(IDS)
    return seen.mask


@pytest.mark.parametrize("layers", [[], [Dense(4), Tanh()], [Chain(Dense(3), Tanh())], [Residual(Dense(3))]], ids=repr)
def test_a_mask_passes_through(layers):
    np.testing.assert_array_equal(mask_after(*layers), IDS != 0)


def test_a_layer_that_does_not_keep_masks_ends_them():
    with pytest.warns(UserWarning, match="^alone: Alone does not use masks: padded steps count.*no mask; .*keeps_mask"):
        assert mask_after(Alone()) is None


def test_a_class_that_writes_forward_alone_does_not_inherit_the_mask_of_its_base():
    class Twice(Residual):
        def forward(self, x, training=False):
            return 2 * super().forward(x, training)

    with pytest.warns(UserWarning, match="twice: Twice does not use masks"):
        assert mask_after(Twice(Dense(3))) is None


@pytest.mark.parametrize(
    "layer",
    [
        GroupNormalization(3),
        LayerNormalization(1),
        LayerNormalization((1, 2)),
        UnitNormalization(1),
        ActivityRegularization(L2(0.1)),
    ],
    ids=repr,
)
def test_layers_that_hand_masks_on_and_use_padded_steps_warn(layer):
    with pytest.warns(UserWarning, match=f"{type(layer).__name__} does not use masks: padded steps count"):
        np.testing.assert_array_equal(mask_after(layer), IDS != 0)


def test_a_layer_deep_inside_warns_once_with_its_path():
    layers = {"h": (Chain(Dense(3), Alone()), "x"), "y": (Add(), "h", "x")}
    model = Sequential([Embedding(9, 3, mask_zero=True), Graph("x", layers, "y"), Dense(1)])
    with pytest.warns(UserWarning, match="does not use masks") as warned:
        model.fit(IDS, LABELS, epochs=2, verbose=0)
        model.predict(IDS)
    assert [str(one.message).split(":")[0] for one in warned] == ["graph/h/alone"]


def test_without_a_mask_nothing_warns():
    Sequential([Embedding(9, 3), Alone(), GroupNormalization(3), Flatten(), Dense(1)]).build((6,))


# Keras 3.15 fails at Softmax on any mask of steps, and on PyTorch at LayerNormalization along the steps
LEFT_OUT = (Chain, Graph, GELU, Softmax)
ROWS = [
    (layer, shape)
    for layer, shape in rows_with("keras", KerasLayer)
    if len(shape) == 2 and layer.vocabulary_size is None and not isinstance(layer, LEFT_OUT)
    if not (isinstance(layer, LayerNormalization) and layer.axis == 1)
]


@pytest.mark.peers
@pytest.mark.parametrize(("layer", "shape"), ROWS, ids=repr)
def test_layers_hand_masks_on_and_end_them_as_in_keras(tmp_path, layer, shape):
    torch, keras = pytest.importorskip("torch"), pytest.importorskip("keras")
    model = Sequential([layer.clone()], seed=0)
    model.build(shape)
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras").layers[0]
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    mask = np.arange(shape[0]) < np.array([[1], [2], [shape[0]]])
    given = torch.tensor(x)
    given._keras_mask = torch.tensor(mask)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        expected = getattr(theirs(given), "_keras_mask", None)
    (ours,) = model.layers
    found = run_masked(ours, x, mask, training=False)[1]
    np.testing.assert_array_equal(found, None if expected is None else expected.numpy())
    warned = any("does not support masking" in str(one.message) for one in caught)
    assert warned == (ours.uses_padding and not ours.keeps_mask)


def test_masking_leaves_out_steps_whose_features_all_have_the_value():
    x = np.array([[[1.0, 7.0], [7.0, 7.0], [0.0, 0.0]]])
    seen = StepsSeen()
    model = Sequential([Masking(7.0), seen])
    np.testing.assert_array_equal(model.predict(x), [[[1.0, 7.0], [0.0, 0.0], [0.0, 0.0]]])
    np.testing.assert_array_equal(seen.mask, [[True, False, True]])


def test_graphs_join_masks_as_keras_does():
    model = Model(
        Graph(
            {"a": (4,), "b": (4,)},
            {
                "e": (Embedding(9, 2, mask_zero=True), "a"),
                "f": (Embedding(9, 2, mask_zero=True), "b"),
                "g": (Embedding(9, 2), "b"),
                "sum": (Add(), "e", "f"),
                "steps": (Concatenate(axis=1), "e", "g"),
                "none": (Add(), "e", "g"),
            },
            ("sum", "steps", "none"),
        )
    )
    a, b = np.array([[1, 0, 2, 0]]), np.array([[0, 0, 3, 4]])
    masks = model.layer.masked_forward((a, b), None)[1]
    np.testing.assert_array_equal(masks[0], [[True, False, True, True]])
    np.testing.assert_array_equal(masks[1], [[True, False, True, False, True, True, True, True]])
    assert masks[2] is None


def labelled_model():
    model = Sequential([Embedding(9, 5, mask_zero=True), Dense(7), Tanh(), Dense(4), Softmax()], seed=0)
    model.compile("adam", metrics=["accuracy", SparseCategoricalCrossentropy()], weighted_metrics=["accuracy"])
    return model


def test_targets_of_padded_steps_change_no_number():
    changed = np.where(IDS == 0, 3 - LABELS, LABELS)
    runs = []
    for labels in (LABELS, changed):
        model = labelled_model()
        history = model.fit(IDS, labels, batch_size=5, epochs=3, verbose=0, sample_weight=np.linspace(0.5, 2, 12))
        runs.append((history.history, model.params.theta.tolist(), model.evaluate(IDS, labels)))
    assert runs[0] == runs[1]


def test_the_loss_and_metrics_are_means_over_the_steps_that_count():
    model = labelled_model()
    model.build((6,))
    p, counts = model.predict(IDS), IDS != 0
    losses = -np.log(np.take_along_axis(p, LABELS[..., None], axis=-1)[..., 0])
    figures = model.evaluate(IDS, LABELS, return_dict=True)
    assert figures["loss"] == pytest.approx(losses[counts].mean(), rel=1e-6)
    assert figures["sparse_categorical_crossentropy"] == pytest.approx(losses[counts].mean(), rel=1e-6)
    assert figures["accuracy"] == pytest.approx((p.argmax(axis=-1) == LABELS)[counts].mean())


def test_several_outputs_each_have_their_mask():
    model = Model(
        Graph(
            {"a": (6,), "b": (6,)},
            {
                "e": (Embedding(9, 5, mask_zero=True), "a"),
                "f": (Embedding(9, 5), "b"),
                "p": (Dense(1), "e"),
                "q": (Dense(1), "f"),
            },
            ("p", "q"),
        ),
        seed=0,
    )
    model.compile("sgd", MeanSquaredError(), {"p": [MeanAbsoluteError()], "q": [MeanAbsoluteError()]})
    y = {"p": rng.normal(size=(12, 6, 1)), "q": rng.normal(size=(12, 6, 1))}
    figures = model.evaluate({"a": IDS, "b": IDS}, y, return_dict=True)
    p, q = model.predict({"a": IDS, "b": IDS})
    of_p, of_q = abs(p - y["p"])[IDS != 0], abs(q - y["q"])
    assert figures["p_mean_absolute_error"] == pytest.approx(of_p.mean(), rel=1e-5)
    assert figures["q_mean_absolute_error"] == pytest.approx(of_q.mean(), rel=1e-5)
    assert figures["p_loss"] == pytest.approx((of_p**2).mean(), rel=1e-5)
    assert figures["loss"] == pytest.approx((of_p**2).mean() + (of_q**2).mean(), rel=1e-5)


def test_a_batch_of_padding_alone_has_no_loss():
    with pytest.raises(DataError, match="all steps of all rows of a batch are masked"):
        labelled_model().fit(np.zeros((4, 6), int), LABELS[:4], verbose=0)


def test_a_row_of_padding_alone_has_finite_outputs():
    model = Sequential([Embedding(9, 3, mask_zero=True), GlobalAveragePooling1D()])
    np.testing.assert_array_equal(model.predict(np.zeros((1, 6), int)), np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("changed", "found"), [(-5, r"x\[7, 2\] is -5"), (9, r"x\[7, 2\] is 9"), (2.5, r"x\[7, 2\] is 2.5")]
)
@pytest.mark.parametrize("do", ["fit", "predict", "evaluate"])
def test_ids_that_are_not_in_the_vocabulary_are_named(do, changed, found):
    x = IDS.astype(type(changed))
    x[7, 2] = changed
    model = Sequential([Embedding(9, 3), Flatten(), Dense(1)])
    with pytest.raises(DataError, match=f"{do}: {found}; ids must be integers in 0, ..., 8"):
        getattr(model, do)(x, *[np.zeros((12, 1))][: do != "predict"])


def test_ids_of_a_graph_with_several_inputs_are_checked_by_name():
    layers = {"e": (Embedding(9, 2), "a"), "f": (Flatten(), "e"), "y": (Concatenate(), "f", "b")}
    model = Model(Graph({"a": (3,), "b": (2,)}, layers, "y"))
    with pytest.raises(DataError, match=r"x\['a'\]\[0, 1\] is 12"):
        model.predict({"a": np.array([[1, 12, 3]]), "b": np.zeros((1, 2))})


def test_the_gradient_of_repeated_ids_is_their_sum():
    layer = Embedding(4, 2)
    model = Sequential([layer], seed=0, dtype="float64")
    model.build((5,))
    layer.forward(np.array([[1, 1, 3, 0, 1]]))
    layer.backward(np.arange(10.0).reshape(1, 5, 2))
    np.testing.assert_array_equal(layer.embeddings.grad, [[6, 7], [0 + 2 + 8, 1 + 3 + 9], [0, 0], [4, 5]])


def test_ids_stay_integers_on_their_way_to_the_layer():
    seen = []

    class Watched(Embedding):
        def forward(self, x, training=False):
            seen.append(x.dtype)
            return super().forward(x, training)

    model = Sequential([Watched(9, 3), GlobalAveragePooling1D(), Dense(1)])
    model.fit(IDS.astype(np.uint8), np.zeros(12), verbose=0)
    model.predict(IDS.astype(np.uint8))
    assert set(seen[-2:]) == {np.dtype(np.uint8)}


@pytest.mark.parametrize("method", ["masked_forward", "compute_mask"])
def test_a_mask_of_another_shape_than_the_output(method):
    class Wrong(Tanh):
        def compute_mask(self, x, mask):
            return np.ones((len(x), 2), bool)

    class WrongTogether(Tanh):
        def masked_forward(self, x, mask, training=False):
            return self.forward(x, training), np.ones((len(x), 2), bool)

    model = Sequential([Masking(), Wrong() if method == "compute_mask" else WrongTogether(), GlobalAveragePooling1D()])
    with pytest.raises(ShapeError, match=rf"{method} returns a mask of shape \(\d, 2\); wanted .*\(\d, 5\)"):
        model.predict(np.ones((4, 5, 3)))
