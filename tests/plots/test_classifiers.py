"""Decision boundaries and confusion matrices: every kind of model, of targets, and of numbers of classes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from minidl import DataError, Model, NotBuiltError, Sequential, SettingError, ShapeError, compare
from minidl.estimators import MLPClassifier, MLPRegressor, SequentialClassifier
from minidl.layers import Dense, Layer, ReLU, Sigmoid, Softmax, Tanh
from minidl.losses import BinaryCrossentropy, Hinge, SparseCategoricalCrossentropy
from minidl.plots import confusion_matrix, decision_boundary

X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
SIDE = (X[:, 0] > 0).astype(int)


def points(ax):
    """The scattered points of each class by their label in the legend, with the colour of their faces."""
    found = {}
    for part in ax.collections:
        if not part.get_label().startswith("_"):
            colors = {to_hex(color) for color in part.get_facecolors()}
            found[part.get_label()] = (np.asarray(part.get_offsets()), colors)
    return found


def lines(ax):
    """The contour lines: (level, vertices)."""
    return [
        (part.levels[0], np.concatenate([path.vertices for path in part.get_paths()]))
        for part in ax.collections
        if hasattr(part, "levels")
    ]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def model_of(layers, kernel, bias, loss=None, features=2):
    """A model whose one Dense layer has these weights."""
    model = Sequential(layers, dtype="float64")
    model.compile(loss=loss)
    model.build((features,))
    model.set_weights([np.asarray(kernel, float), np.asarray(bias, float)])
    return model


def wheel(classes, *last):
    """A model that gives each direction of the plane its class, and the classes of X."""
    angles = 2 * np.pi * np.arange(classes) / classes
    kernel = 5 * np.array([np.cos(angles), np.sin(angles)])
    return model_of([Dense(classes), *last], kernel, np.zeros(classes)), (X @ kernel).argmax(axis=1)


# ---- several outputs


@pytest.mark.parametrize("classes", range(2, 13))
def test_every_class_has_its_own_colour_and_its_entry_in_the_legend(classes):
    model, y = wheel(classes, Softmax())
    ax = decision_boundary(model, X, y, resolution=50)
    found = points(ax)
    assert legend(ax) == list(found) == [str(number) for number in range(classes)]
    colors = {color for _, faces in found.values() for color in faces}
    assert len(colors) == len(set(y.tolist()))
    for number, (where, _) in enumerate(found.values()):
        assert sorted(map(tuple, where)) == sorted(map(tuple, X[y == number]))


@pytest.mark.parametrize("classes", range(2, 11))
def test_each_class_has_a_region_of_its_colour(classes):
    model, y = wheel(classes, Softmax())
    ax = decision_boundary(model, X, y, resolution=80)
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    for number, (where, colors) in enumerate(points(ax).values()):
        (color,) = colors
        own = where[model.predict(where)[:, number].argmax()]  # far from the lines
        pixels = np.asarray(image.get_array())
        column = round((own[0] - left) / (right - left) * 79)
        row = round((own[1] - bottom) / (top - bottom) * 79)
        face = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        tint = 1 - pixels[row, column]  # white minus a share of the colour's complement
        assert np.corrcoef(tint, 1 - face)[0, 1] > 0.999, number


def test_the_lines_lie_where_the_two_largest_scores_are_equal():
    model, y = wheel(3, Softmax())
    ax = decision_boundary(model, X, y, resolution=101)
    assert [level for level, _ in lines(ax)] == [0, 0, 0]
    for _, vertices in lines(ax):
        scores = np.sort(model.predict(vertices), axis=1)
        assert np.abs(scores[:, -1] - scores[:, -2]).max() < 0.05


@pytest.mark.parametrize("last", [[], [Sigmoid()], [Softmax()]])
def test_scores_of_any_kind_have_the_same_regions(last):
    model, y = wheel(4, *last)
    ax = decision_boundary(model, X, y, resolution=30)
    assert len(points(ax)) == 4
    assert len(lines(ax)) == 4


@pytest.mark.parametrize(
    "form", [np.asarray, lambda y: y[:, None], lambda y: np.eye(3)[y], list, pd.Series, lambda y: y.astype(float)]
)
def test_targets_have_any_form(form):
    model, y = wheel(3, Softmax())
    ax = decision_boundary(model, X, form(y), resolution=10)
    assert [len(where) for where, _ in points(ax).values()] == np.bincount(y).tolist()


# ---- one output


@pytest.mark.parametrize(
    ("last", "loss", "labels", "level"),
    [
        ([Sigmoid()], None, (0, 1), 0.5),
        ([Sigmoid()], BinaryCrossentropy(), (0, 1), 0.5),
        ([], BinaryCrossentropy(from_logits=True), (0, 1), 0),
        ([], Hinge(), (-1, 1), 0),
        ([], Hinge(), (0, 1), 0),
        ([Tanh()], Hinge(), (-1, 1), 0),
        ([Tanh()], Hinge(), (0, 1), 0),
        ([Tanh()], None, (-1, 1), 0),
        ([], None, (-1, 1), 0),
        ([], None, (0, 1), 0.5),  # least squares: halfway between the targets
        ([], None, (1, 2), 1.5),
        ([Sigmoid()], Hinge(), (0, 1), 0.5),  # a Sigmoid never reaches 0
    ],
)
@pytest.mark.parametrize("shape", [(60,), (60, 1)])
def test_one_output_separates_two_classes_at_the_level_of_its_loss(last, loss, labels, level, shape):
    model = model_of([Dense(1), *(layer.clone() for layer in last)], [[3], [0]], [0.25], loss)
    y = np.array(labels)[SIDE]
    ax = decision_boundary(model, X, y.reshape(shape), resolution=60)
    ((drawn, vertices),) = lines(ax)
    assert drawn == level
    assert np.allclose(model.predict(vertices), level, atol=0.02)
    assert legend(ax) == [str(label) for label in labels]
    (below, low), (above, high) = points(ax).values()
    assert (below[:, 0] <= 0).all()
    assert (above[:, 0] > 0).all()
    assert low != high


def test_one_hot_targets_of_two_classes_fit_one_output():
    model = model_of([Dense(1), Sigmoid()], [[3], [0]], [0])
    assert [len(where) for where, _ in points(decision_boundary(model, X, np.eye(2)[SIDE])).values()] == [
        np.sum(SIDE == 0),
        np.sum(SIDE == 1),
    ]


def test_a_model_that_says_the_same_everywhere_has_no_line_and_raises_no_warning():
    model = model_of([Dense(1), Sigmoid()], [[0], [0]], [0])
    ax = decision_boundary(model, X, SIDE, resolution=10)
    assert lines(ax) == []
    assert legend(ax) == ["0", "1"]
    assert len(points(decision_boundary(model, X, np.zeros(60), resolution=10))["0"][0]) == 60


# ---- estimators and frames

NAMES = np.array(["left", "right"])
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 1], [-0.3, 0.3])]


@pytest.mark.parametrize("labels", [NAMES[SIDE], THREE, SIDE, 2 * SIDE - 1])
def test_an_estimator_keeps_its_labels(labels):
    estimator = SequentialClassifier(epochs=2, random_state=0).fit(X, labels)
    ax = decision_boundary(estimator, X, labels, resolution=20)
    assert legend(ax) == [str(label) for label in np.unique(labels).tolist()]
    assert {name: len(where) for name, (where, _) in points(ax).items()} == {
        str(label): np.sum(labels == label) for label in np.unique(labels).tolist()
    }


def test_a_frame_goes_to_the_estimator_with_its_columns():
    frame = pd.DataFrame(X, columns=["width", "height"])
    mlp = MLPClassifier((4,), solver="lbfgs", random_state=0).fit(frame, NAMES[SIDE])
    ax = decision_boundary(mlp, frame, pd.Series(NAMES[SIDE]), resolution=20)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")
    assert [level for level, _ in lines(ax)] == [0.5]


def test_estimators_of_scikit_learn_work_with_and_without_probabilities():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    for estimator in (make_pipeline(StandardScaler(), LogisticRegression()), SVC()):
        ax = decision_boundary(estimator.fit(X, THREE), X, THREE, resolution=20)
        assert legend(ax) == ["a", "b", "c"]
        assert len(lines(ax)) == 3


def test_features_choose_two_of_several_and_hold_the_others_at_their_means():
    model = model_of([Dense(1), Sigmoid()], [[0], [1], [0], [1]], [-2], features=4)  # the line: x1 + x3 = 2
    x = np.column_stack([X, X + 2])
    ax = decision_boundary(model, x, SIDE, features=(0, 3), resolution=50)
    ((_, vertices),) = lines(ax)
    assert np.allclose(vertices[:, 1], 2 - x[:, 1].mean(), atol=0.05)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 0", "feature 3")
    assert np.array_equal(np.sort(np.concatenate([where for where, _ in points(ax).values()])[:, 1]), np.sort(x[:, 3]))
    frame = pd.DataFrame(x, columns=list("abcd"))
    named = decision_boundary(model, frame, SIDE, features=("a", "d"), resolution=50)
    assert (named.get_xlabel(), named.get_ylabel()) == ("a", "d")
    assert np.allclose(lines(named)[0][1], vertices)


@pytest.mark.parametrize("features", [(0,), (0, 4), (0, 0), (0, -4), "ab", ("a", "e"), 3, (0, "x")])
def test_features_that_do_not_exist_raise(features):
    frame = pd.DataFrame(np.column_stack([X, X]), columns=list("abcd"))
    model = model_of([Dense(1), Sigmoid()], [[0], [1], [0], [1]], [0], features=4)
    with pytest.raises(SettingError, match="decision_boundary: features must be two different ones of"):
        decision_boundary(model, frame, SIDE, features=features)
    assert plt.get_fignums() == []


# ---- errors

BINARY = model_of([Dense(1), Sigmoid()], [[3], [0]], [0])


@pytest.mark.parametrize(
    ("model", "y", "error", "words"),
    [
        (BINARY, X[:, 0], DataError, "y holds 60 different numbers, but one output .* draw model.predict"),
        (BINARY, THREE, DataError, "y has dtype"),
        (BINARY, SIDE[:-1], DataError, "x has 60 examples, y has 59"),
        (wheel(3, Softmax())[0], SIDE + 2, DataError, "y holds 3, the classes are 0, 1, 2"),
        (wheel(3, Softmax())[0], np.ones((60, 3)), DataError, r"one-hot rows \(m, 3\); of several labels"),
        (wheel(3, Softmax())[0], np.eye(2)[SIDE], DataError, r"one-hot rows \(m, 3\)"),
        (Sequential([Dense(1)]), SIDE, NotBuiltError, "has no parameters yet"),
        (MLPClassifier(), SIDE, SettingError, "MLPClassifier, which is not fitted yet: call its fit first"),
        ("model", SIDE, SettingError, "takes a trained model or a fitted classifier; got 'model'"),
        (X, SIDE, SettingError, r"got ndarray of shape \(60, 2\)"),
    ],
)
@pytest.mark.parametrize("plot", [decision_boundary, confusion_matrix])
def test_what_cannot_be_drawn_raises_and_leaves_no_figure(plot, model, y, error, words):
    with pytest.raises(error, match=words):
        plot(model, X, y)
    assert plt.get_fignums() == []


class Square(Layer):
    """Rows of four numbers as 2 x 2."""

    def build(self, input_shape):
        return (2, 2)

    def forward(self, x, training=False):
        return x.reshape(-1, 2, 2)


def test_other_objects_are_sent_to_their_own_plot():
    comparison = compare({"a": Sequential([Dense(1), Sigmoid()])}, X, SIDE, seeds=1, verbose=0)
    with pytest.raises(SettingError, match="got Comparison, which is drawn by cost_spread"):
        decision_boundary(comparison, X, SIDE)
    with pytest.raises(SettingError, match="got History, which is drawn by cost_curves"):
        decision_boundary(comparison.model("a").history, X, SIDE)
    regressor = MLPRegressor(hidden_layer_sizes=(2,), solver="lbfgs", random_state=0).fit(X, SIDE)
    with pytest.raises(SettingError, match="got MLPRegressor, which is drawn by"):
        decision_boundary(regressor, X, SIDE)
    square = Model(Square())
    square.build((4,))
    with pytest.raises(DataError, match="classes are rows of scores"):
        decision_boundary(square, X, SIDE)


def test_axes_and_numbers_are_checked():
    with pytest.raises(
        SettingError, match=r"ax must be one matplotlib Axes, got ndarray .*; pass one of them, axes\[0\]"
    ):
        decision_boundary(BINARY, X, SIDE, ax=np.array([None, None]))
    with pytest.raises(SettingError, match="resolution must be an integer of at least 2, got 1"):
        decision_boundary(BINARY, X, SIDE, resolution=1)
    with pytest.raises(DataError, match=r"x\[0, 0\] is nan"):
        decision_boundary(BINARY, np.full_like(X, np.nan), SIDE)
    with pytest.raises(ShapeError, match="x must have rows of features"):
        decision_boundary(BINARY, X[:, 0], SIDE, features=(0, 1))
    spoilt = model_of([Dense(1)], [[0], [0]], [0])
    spoilt.params.theta[:] = np.nan
    with pytest.raises(DataError, match="outputs are not finite"):
        decision_boundary(spoilt, X, SIDE)
    assert plt.get_fignums() == []


# ---- confusion


@pytest.mark.parametrize("classes", range(2, 11))
def test_the_confusion_matrix_counts_every_class(classes):
    model, y = wheel(classes, Softmax())
    turned = (y + 1) % classes
    ax = confusion_matrix(model, X, turned)
    shown = np.array([int(text.get_text()) for text in ax.texts]).reshape(classes, classes)
    assert np.array_equal(shown, [[np.sum((turned == i) & (y == j)) for j in range(classes)] for i in range(classes)])
    assert [text.get_text() for text in ax.get_xticklabels()] == [str(number) for number in range(classes)]


def test_the_confusion_matrix_knows_margins_and_names():
    margin = model_of([Dense(1)], [[3], [0]], [0], Hinge())
    assert [text.get_text() for text in confusion_matrix(margin, X, 2 * SIDE - 1).get_xticklabels()] == ["-1", "1"]
    shown = [int(text.get_text()) for text in confusion_matrix(margin, X, SIDE).texts]
    assert shown == [np.sum(SIDE == 0), 0, 0, np.sum(SIDE == 1)]
    estimator = SequentialClassifier(epochs=1, random_state=0).fit(X, THREE)
    assert [text.get_text() for text in confusion_matrix(estimator, X, THREE).get_yticklabels()] == ["a", "b", "c"]


def test_a_sparse_loss_is_drawn_as_its_classes():
    model = Sequential([Dense(8), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile(loss=SparseCategoricalCrossentropy())
    y = np.digitize(X[:, 1], [-0.3, 0.3])
    model.fit(X, y, epochs=1, verbose=0)
    assert legend(decision_boundary(model, X, y, resolution=10)) == ["0", "1", "2"]
