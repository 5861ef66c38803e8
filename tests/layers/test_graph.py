"""Graph: values and derivatives by hand, wiring that is refused, and what holds for containers."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minidl import Model, Sequential, SettingError, ShapeError, check_layer, check_model
from minidl.layers import (
    Add,
    BatchNormalization,
    Chain,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    Graph,
    Layer,
    Multiply,
    ReLU,
    Residual,
    Sigmoid,
    Subtract,
    Tanh,
)
from minidl.regularizers import L2

RNG = np.random.default_rng(0)
X, A, B = RNG.normal(size=(20, 4)), RNG.normal(size=(20, 2)), RNG.normal(size=(20, 3))
PAIR = np.array([[2.0, 3.0]])


def two_inputs(**names):
    """a + Dense(a) joined to b: two inputs, one output."""
    layers = {"h": (Dense(2), "a"), "sum": (Add(), "h", "a"), "y": (Concatenate(), "sum", "b")}
    return Graph({"a": (2,), "b": (3,)}, layers, "y")


def built(graph, shape, seed=0):
    model = Model(graph, seed=seed, dtype="float64")
    model.build(shape)
    return model


# ---- by hand


def test_a_value_used_twice_gets_the_sum_of_its_derivatives():
    # y = x * x - x at x = (2, 3): (2, 6), and dy/dx = 2 x - 1 = (3, 5)
    graph = Graph("x", {"square": (Multiply(), "x", "x"), "y": (Subtract(), "square", "x")}, "y")
    assert graph.build((2,)) == (2,)
    assert graph.forward(PAIR).tolist() == [[2, 6]]
    assert graph.backward(np.ones((1, 2))).tolist() == [[3, 5]]


def test_several_inputs_come_as_a_tuple_or_side_by_side():
    # y = a * b, z = a - b
    graph = Graph({"a": (1,), "b": (1,)}, {"y": (Multiply(), "a", "b"), "z": (Subtract(), "a", "b")}, ("y", "z"))
    assert graph.build((2,)) == graph.build(((1,), (1,))) == (2,)
    dy = np.array([[10.0, 1.0]])
    assert graph.forward(PAIR).tolist() == [[6, -1]]
    assert graph.backward(dy).tolist() == [[31, 19]]  # dL/da = 10 b + 1, dL/db = 10 a - 1
    assert graph.forward((PAIR[:, :1], PAIR[:, 1:])).tolist() == [[6, -1]]
    assert [part.tolist() for part in graph.backward(dy)] == [[[31]], [[19]]]


def test_an_output_may_be_used_inside_and_may_be_an_input():
    # h = x * x, y = h - x; the outputs are (y, h, x)
    graph = Graph("x", {"h": (Multiply(), "x", "x"), "y": (Subtract(), "h", "x")}, ("y", "h", "x"))
    assert graph.build((1,)) == (3,)
    assert graph.forward(np.array([[3.0]])).tolist() == [[6, 9, 3]]
    # dL/dx = (2 x - 1) + 10 * 2 x + 100 = 5 + 60 + 100
    assert graph.backward(np.array([[1.0, 10.0, 100.0]])).tolist() == [[165]]


def test_a_graph_without_layers_joins_its_inputs():
    graph = Graph({"a": (2,), "b": (2, 2)}, {}, ("b", "a"))
    assert graph.build((6,)) == (6,)
    assert graph.forward(np.arange(6.0)[None]).tolist() == [[2, 3, 4, 5, 0, 1]]
    assert graph.backward(np.arange(6.0)[None]).tolist() == [[4, 5, 0, 1, 2, 3]]


def test_images_and_vectors_side_by_side():
    graph = Graph({"image": (2, 3), "b": (2,)}, {"f": (Flatten(), "image"), "y": (Concatenate(), "f", "b")}, "y")
    assert graph.build((8,)) == (8,)
    image, b = RNG.normal(size=(5, 2, 3)), RNG.normal(size=(5, 2))
    y = graph.forward((image, b))
    assert np.array_equal(y, np.hstack([image.reshape(5, 6), b]))
    assert [part.shape for part in graph.backward(y)] == [(5, 2, 3), (5, 2)]
    assert np.array_equal(graph.forward(y), y)
    assert graph.backward(y).shape == (5, 8)


def test_a_single_input_keeps_its_shape_of_an_image():
    graph = Graph("image", {"r": (ReLU(), "image"), "s": (Add(), "r", "image"), "y": (Flatten(), "s")}, ("s", "y"))
    model = built(graph, (2, 3))
    image = RNG.normal(size=(5, 2, 3))
    s, y = model.predict(image)
    assert s.shape == (5, 2, 3)
    assert np.array_equal(y, s.reshape(5, 6))
    assert np.array_equal(s, np.maximum(image, 0) + image)


# ---- wiring


def test_a_line_is_the_chain():
    layers = [Dense(3), Tanh(), Dense(1), Sigmoid()]
    wired = {f"l{i}": (layer.clone(), f"l{i - 1}" if i else "x") for i, layer in enumerate(layers)}
    line, chain = Model(Graph("x", wired, "l3"), seed=3), Sequential(layers, seed=3)
    y = X[:, :1] > 0
    for model in (line, chain):
        model.compile("adam", metrics=["accuracy"])
    assert line.fit(X, y, epochs=3, verbose=0).history == chain.fit(X, y, epochs=3, verbose=0).history
    assert np.array_equal(line.params.theta, chain.params.theta)
    assert np.array_equal(line.predict(X), chain.predict(X))
    assert type(line.objective.activation) is Sigmoid


@pytest.mark.parametrize(
    ("layers", "outputs", "is_line"),
    [
        ({"h": (ReLU(), "x"), "y": (Tanh(), "h")}, "y", True),
        ({"h": (ReLU(), "x"), "y": (Tanh(), "h")}, ("h", "y"), False),
        ({"h": (ReLU(), "x"), "y": (Add(), "h", "x")}, "y", False),
        ({"h": (ReLU(), "x"), "g": (Tanh(), "x"), "y": (Add(), "h", "g")}, "y", False),
    ],
)
def test_lines_are_recognized(layers, outputs, is_line):
    assert Graph("x", layers, outputs).is_line is is_line


@pytest.mark.parametrize(
    ("inputs", "layers", "outputs", "message"),
    [
        (("a", "b"), {}, "a", r'inputs must be a name, or names with shapes as in Graph\(\{"a": \(4,\)'),
        (3, {}, "a", "inputs must be a name, or names with shapes"),
        ({}, {}, "a", "there must be an input"),
        ({"a": 4, "b": (3,)}, {}, ("a", "b"), r"the input a must have the shape of a row, such as \(4,\), got 4"),
        ({"a": (0,), "b": (3,)}, {}, ("a", "b"), "the shape of the input a must be an integer of at least 1, got 0"),
        ("x", [Dense(2)], "x", r'layers must be a dict such as \{"h": \(Dense\(8\), "x"\)\}, got \['),
        ("x", {"y": Dense(2)}, "y", r'y must be a layer and what it takes, as in \(Dense\(8\), "x"\), got Dense'),
        ("x", {"y": (Dense(2),)}, "y", "y must be a layer and what it takes"),
        ("x", {"y": (Dense(2), 1)}, "y", "y must be a layer and what it takes"),
        ("x", {"y": (Dense, "x")}, "y", r"Graph takes layers, got <class .*; write Dense\(...\)"),
        ("x", {"y": ("relu", "x")}, "y", r"Graph takes layers, got 'relu'; write ReLU\(\)"),
        ("x", {"x": (Dense(2), "x")}, "x", "two values are called 'x'"),
        ("x", {"a/b": (Dense(2), "x")}, "a/b", "names must be strings without '/', got 'a/b'"),
        ("x", {"": (Dense(2), "x")}, "", "names must be strings without '/', got ''"),
        ("x", {1: (Dense(2), "x")}, "x", "names must be strings without '/', got 1"),
        ("x", {"y": (Dense(2), "h")}, "y", "y takes 'h', which is not among those before it, x"),
        ("x", {"h": (Add(), "x", "y"), "y": (ReLU(), "h")}, "y", "h takes 'y', which is not among those before it, x"),
        ("x", {"y": (Dense(2), "x", "x")}, "y", "y is a Dense, which takes one value, got 2"),
        ("x", {"y": (ReLU(), "x"), "z": (Dense(2), "x")}, "y", "z leads to no output"),
        ({"a": (1,), "b": (1,)}, {"y": (ReLU(), "a")}, "y", "b leads to no output"),
        ("x", {"y": (ReLU(), "x")}, ("y", "z"), "there is no value 'z' for the output; there are x, y"),
        ("x", {"y": (ReLU(), "x")}, (), "outputs must be the name of a value, or a tuple of different names"),
        ("x", {"y": (ReLU(), "x")}, ("y", "y"), "outputs must be the name of a value, or a tuple of different names"),
        ("x", {"y": (ReLU(), "x")}, {"y": 1}, "outputs must be the name of a value, or a tuple of different names"),
        ("x", {"y": (ReLU(), "x")}, None, "outputs must be the name of a value, or a tuple of different names"),
    ],
)
def test_wiring_that_is_refused(inputs, layers, outputs, message):
    with pytest.raises(SettingError, match=message):
        Graph(inputs, layers, outputs)


@pytest.mark.parametrize(
    ("graph", "shape", "message"),
    [
        (two_inputs(), (4,), r"Graph takes \{'a': \(2,\), 'b': \(3,\)\}, together rows of 5 numbers, got \(4,\)"),
        (two_inputs(), ((2,), (2,)), "together rows of 5 numbers"),
        (Graph({"x": (3,)}, {"y": (ReLU(), "x")}, "y"), (4,), r"x has rows of shape \(3,\), got \(4,\)"),
        (Graph("x", {"h": (Dense(3), "x"), "y": (Add(), "h", "x")}, "y"), (4,), "Add takes inputs of one shape"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(graph, shape, message):
    with pytest.raises(ShapeError, match=message):
        graph.build(shape)


def test_a_model_of_several_inputs_is_built_at_once():
    model = Model(two_inputs(), seed=0)
    assert model.built
    assert model.input_shape == model.output_shape == (5,)
    with pytest.raises(ShapeError, match="Add takes inputs of one shape"):
        Model(Graph({"a": (2,), "b": (3,)}, {"y": (Add(), "a", "b")}, "y"))


# ---- containers


INNER = {"h": (Dense(3), "a"), "y": (Add(), "h", "b")}
NESTED = {
    "a graph of two inputs that is the first with parameters": (
        Graph({"a": (2,), "b": (3,)}, {"i": (Graph({"a": (2,), "b": (3,)}, INNER, "y"), "a", "b")}, "i"),
        (5,),
    ),
    "a graph of two inputs behind parameters": (
        Graph(
            {"a": (2,), "b": (3,)},
            {"d": (Dense(3), "b"), "i": (Graph({"a": (2,), "b": (3,)}, INNER, ("y", "h")), "a", "d")},
            "i",
        ),
        (5,),
    ),
    "a graph of two inputs that takes one value": (
        Graph("x", {"d": (Dense(5), "x"), "i": (Graph({"a": (2,), "b": (3,)}, INNER, "y"), "d")}, "i"),
        (4,),
    ),
    "in a chain": (Chain(Dense(5), Graph({"a": (2,), "b": (3,)}, INNER, ("y", "h")), Dropout(0.5), Dense(2)), (4,)),
    "in a residual": (Residual(Graph("x", {"h": (Dense(4), "x"), "y": (Multiply(), "h", "x")}, "y")), (4,)),
    "of containers": (
        Graph(
            "x",
            {"c": (Chain(Dense(4), ReLU()), "x"), "r": (Residual(Dense(4), Tanh()), "c"), "y": (Add(), "r", "x")},
            ("y", "c"),
        ),
        (4,),
    ),
    "with state and noise": (
        Graph("x", {"n": (BatchNormalization(), "x"), "d": (Dropout(0.4), "n"), "y": (Multiply(), "d", "n")}, "y"),
        (4,),
    ),
}


@pytest.mark.parametrize(("layer", "shape"), NESTED.values(), ids=NESTED)
def test_graphs_inside_containers_and_containers_inside_graphs(layer, shape):
    assert check_layer(layer, shape).difference < 1e-12
    model = Model(layer.clone(), seed=0)
    model.compile("sgd", "mse")
    x = RNG.normal(size=(12, *shape))
    model.build(shape)
    several = len(model.ports.outputs) > 1
    y = np.zeros((12, *model.output_shape))
    assert check_model(model, x, y).difference < 1e-12
    before = model.params.theta.copy()
    model.fit(x, y, verbose=0)
    assert not len(before) or (model.params.theta != before).any()
    assert isinstance(model.predict(x), tuple) is several


def test_a_layer_of_several_inputs_of_ones_own():
    class Gate(Layer):
        """y = a sigmoid(g)."""

        several_inputs = True

        def build(self, shapes):
            return shapes[0]

        def forward(self, x, training=False):
            a, g = x
            self.a, self.s = a, 1 / (1 + np.exp(-g))
            return a * self.s

        def backward(self, dy):
            return dy * self.s, dy * self.a * self.s * (1 - self.s)

    assert check_layer(Gate(), ((3,), (3,))).difference < 1e-12
    graph = Graph("x", {"a": (Dense(2), "x"), "g": (Dense(2), "x"), "y": (Gate(), "a", "g")}, "y")
    assert check_layer(graph, 4).difference < 1e-12


@pytest.mark.parametrize(
    ("backward", "cause"),
    [
        (lambda a, b: (a, 2 * b), "dL/dx of input_1 = 2 x derivative everywhere, and those of the others are right"),
        (lambda a, b: (0 * a, b), "dL/dx of input_0 = 0 x derivative everywhere, and those of the others are right"),
        (lambda a, b: (b, a), "dL/dx of input_0 and of input_1 are exchanged"),
        (lambda a, b: (1.5 * a, 1.5 * b), "dL/dx = 1.5 x derivative everywhere: a constant factor too much"),
    ],
)
def test_the_cause_of_a_wrong_merging_layer_names_the_input(backward, cause):
    class Bad(Multiply):
        def backward(self, dy):
            return backward(*super().backward(dy))

    alone = check_layer(Bad(), ((3,), (3,)), raise_on_failure=False)
    assert [tensor.cause for tensor in alone.wrong.values()] == [cause]
    graph = Graph("x", {"a": (Dense(3), "x"), "b": (Dense(3), "x"), "bad": (Bad(), "a", "b")}, "bad")
    report = check_model(built(graph, (4,)), X, X[:, :3], raise_on_failure=False)
    assert report.guilty == "bad"
    assert {tensor.cause for tensor in report.wrong.values()} == {f"it comes through bad: {cause}"}


def test_a_layer_of_several_inputs_needs_their_shapes():
    with pytest.raises(ShapeError, match=r"Add takes two inputs or more, got one of shape \(3,\)"):
        check_layer(Add(), 3)


def test_paths_are_the_names():
    graph = Graph("x", {"left": (Chain(Dense(2), ReLU()), "x"), "y": (Dense(2), "left")}, "y")
    model = built(graph, (3,))
    assert list(model.params) == ["left/dense/kernel", "left/dense/bias", "y/kernel", "y/bias"]
    assert graph.children == {"left": graph.layers["left"][0], "y": graph.layers["y"][0]}


def test_the_output_activation_of_a_graph_that_comes_last_belongs_to_the_loss():
    block = {"d": (Dense(4), "x"), "s": (Add(), "d", "x"), "o": (Dense(1), "s"), "y": (Sigmoid(), "o")}
    y = (X[:, :1] > 0).astype(float)
    model = Sequential([Dense(4), Graph("x", block, "y")], seed=0, dtype="float64")
    model.compile("sgd", "binary_crossentropy")
    model.build((4,))
    assert type(model.objective.activation) is Sigmoid
    assert check_model(model, X, y).difference < 1e-12
    model.params.theta[:] *= 1e4  # a sigmoid of 0 or 1 would have no gradient
    model.backpropagate(X, y)
    assert np.abs(model.params["graph/o/bias"].grad).max() > 1e-3
    assert np.array_equal(model.predict(X), model.layer.forward(X))


def test_a_chain_may_end_in_a_graph_of_several_outputs():
    block = {"h": (Sigmoid(), "x"), "y": (Sigmoid(), "h")}
    model = Sequential([Dense(4), Graph("x", block, ("h", "y"))], seed=0, dtype="float64")
    model.compile("sgd", "binary_crossentropy")
    assert check_model(model, X, np.ones((20, 8))).difference < 1e-12
    assert model.objective.activation is None


# ---- layers with several places


def siamese(layer, *, after=()):
    """layer(a) - layer(b), and more layers."""
    layers = {"left": (layer, "a"), "right": (layer, "b"), "y": (Subtract(), "left", "right"), **dict(after)}
    return Graph({"a": (3,), "b": (3,)}, layers, [*layers][-1])


def test_the_gradient_of_a_layer_is_the_sum_over_its_places():
    # h = w x, y = w h = w^2 x at w = 3, x = 2: y = 18, dy/dw = 2 w x = 12, dy/dx = w^2 = 9
    layer = Dense(1, use_bias=False)
    graph = Graph("x", {"h": (layer, "x"), "y": (layer, "h")}, "y")
    model = built(graph, (1,))
    model.params.theta[:] = 3
    for _, inner in graph.walk():
        inner.unmark_first()
    assert model.params.theta.shape == (1,)
    assert graph.forward(np.array([[2.0]])).tolist() == [[18]]
    assert graph.backward(np.array([[1.0]])).tolist() == [[9]]
    assert model.params.grad.tolist() == [12]
    assert not graph.is_line


def test_a_layer_with_several_places_has_the_path_of_the_first():
    graph = siamese(Dense(2))
    model = built(graph, (6,))
    assert list(model.params) == ["left/kernel", "left/bias"]
    assert model.count_params() == 8
    assert list(graph.children) == ["left", "y"]
    lines = []
    model.summary(print_fn=lines.append)
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in lines[0].splitlines() if "(Dense)" in row]
    assert rows == [
        ["left (Dense)", "(None, 2)", "8", "a"],
        ["right (Dense)", "(None, 2)", "as left", "b"],
    ]
    assert "Total params: 8 " in lines[0]


OF_SEVERAL_PLACES = {
    "one after the other": lambda layer: Graph("x", {"h": (layer, "x"), "g": (layer, "h"), "y": (layer, "g")}, "y"),
    "side by side": lambda layer: Graph("x", {"h": (layer, "x"), "g": (ReLU(), "x"), "y": (layer, "g")}, ("h", "y")),
}
SHARED = {
    "Dense": lambda: Dense(3),
    "BatchNormalization": BatchNormalization,
    "Dropout": lambda: Dropout(0.4),
    "Chain": lambda: Chain(Dense(5), Tanh(), Dropout(0.3), Dense(3), BatchNormalization()),
    "Residual": lambda: Residual(Dense(3), Tanh()),
    "Graph": lambda: Graph("v", {"d": (Dense(3), "v"), "s": (Multiply(), "d", "v")}, "s"),
    "Graph that shares, too": lambda: OF_SEVERAL_PLACES["one after the other"](Dense(3)),
}


@pytest.mark.parametrize("wire", OF_SEVERAL_PLACES.values(), ids=OF_SEVERAL_PLACES)
@pytest.mark.parametrize("make", SHARED.values(), ids=SHARED)
def test_any_layer_may_have_several_places(make, wire):
    graph = wire(make())
    assert check_layer(graph, (3,)).difference < 1e-12
    model = built(graph, (3,))
    model.compile("sgd", "mse")
    y = RNG.normal(size=(20, *model.output_shape))
    assert check_model(model, X[:, :3], y).difference < 1e-12
    other = pickle.loads(pickle.dumps(model.copy()))
    histories = [m.fit(X[:, :3], y, epochs=2, verbose=0).history for m in (model, other)]
    assert histories[0] == histories[1]
    assert np.array_equal(model.params.theta, other.params.theta)


def test_moving_averages_are_updated_at_every_place_in_turn():
    layer = BatchNormalization(momentum=0.5)
    graph = siamese(layer)
    built(graph, (6,))
    a, b = RNG.normal(size=(9, 3)), RNG.normal(size=(9, 3))
    graph.forward((a, b), training=True)
    graph.backward(np.ones((9, 3)))
    assert layer.moving_mean == pytest.approx(0.25 * a.mean(axis=0) + 0.5 * b.mean(axis=0))


def test_every_place_draws_a_mask_of_its_own():
    graph = Graph("x", {"h": (layer := Dropout(0.5), "x"), "g": (layer, "x")}, ("h", "g"))
    built(graph, (50,))
    one, two = np.split(graph.forward(np.ones((4, 50)), training=True), 2, axis=1)
    assert (one != two).any()
    assert np.array_equal(graph.backward(np.ones((4, 100))), one + two)


def test_a_layer_at_several_places_is_the_first_only_if_all_of_them_are():
    graph = siamese(Dense(2))
    model = built(graph, (6,))
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 6)), np.ones((4, 2)), verbose=0)
    assert graph.layers["left"][0].is_first
    graph = Graph("x", {"h": (layer := Dense(4), "x"), "y": (layer, "h")}, "y")
    model = built(graph, (4,))
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0)
    assert not layer.is_first


def test_freezing_and_penalties_count_a_layer_once():
    layer = Dense(2, kernel_regularizer=L2.keras(0.1))
    model = built(siamese(layer), (6,))
    model.compile("sgd", "mse")
    x, y = RNG.normal(size=(12, 6)), RNG.normal(size=(12, 2))
    wanted = 0.1 * (layer.kernel.value**2).sum()  # Keras: l2 * sum(square(kernel))
    assert model.objective.penalty(12) == pytest.approx(wanted, rel=1e-12)
    layer.trainable = False
    before = model.params.theta.copy()
    model.fit(x, y, verbose=0)
    assert np.array_equal(model.params.theta, before)


def test_the_output_activation_may_have_other_places():
    # the loss takes the logits of y, while the same Sigmoid is used inside
    layer = Sigmoid()
    layers = {"d": (Dense(3), "x"), "s": (layer, "d"), "o": (Dense(1), "s"), "y": (layer, "o")}
    model = built(Graph("x", layers, "y"), (4,))
    target = (X[:, :1] > 0).astype(float)
    model.compile("sgd", "binary_crossentropy")
    assert type(model.objective.activation) is Sigmoid
    assert check_model(model, X, target).difference < 1e-12
    default = built(Graph("x", layers, "y"), (4,))
    default.compile("sgd")
    default.fit(X, target, verbose=0)
    assert type(default.objective.activation) is Sigmoid


def test_a_wrong_layer_of_several_places_is_named():
    class Wrong(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.kernel.grad = 1.5 * self.kernel.grad
            return dx

    model = built(siamese(Chain(ReLU(), Wrong(2)), after={"z": (Dense(2), "y")}.items()), (6,))
    report = check_model(model, RNG.normal(size=(12, 6)), np.zeros((12, 2)), raise_on_failure=False)
    assert report.guilty == "left/wrong"
    assert list(report.wrong) == ["left/wrong/kernel"]


def test_a_clone_shares_what_the_graph_shares():
    layer, clone = Dense(2), siamese(Dense(2)).clone()
    assert clone.layers["left"][0] is clone.layers["right"][0]
    assert clone.layers["left"][0] is not layer
    assert clone.places == {"left": ("left", "right"), "right": ("left", "right")}


def test_predicting_in_threads():
    model = built(siamese(Chain(Dense(8), Tanh(), Dense(2))), (6,))
    rows = [RNG.normal(size=(40, 6)) for _ in range(200)]
    wanted = [model.predict(x) for x in rows]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.predict, rows))
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            Dense(2),
            r"right is the layer of left: its kernel is \(3, 2\), and would be \(4, 2\) for rows of shape \(4,\)",
        ),
        (BatchNormalization(), r"its gamma is \(3,\), and would be \(4,\)"),
        (Chain(ReLU(), Dense(2)), r"its dense/kernel is \(3, 2\), and would be \(4, 2\) for rows of .* use clone\(\)"),
    ],
)
def test_rows_of_another_shape_that_a_layer_cannot_take(layer, message):
    with pytest.raises(ShapeError, match=message):
        layers = {"left": (layer, "a"), "right": (layer, "b"), "y": (Concatenate(), "left", "right")}
        Model(Graph({"a": (3,), "b": (4,)}, layers, "y"))


def test_a_layer_without_parameters_takes_rows_of_any_shape():
    layer = Chain(Tanh())
    layers = {"left": (layer, "a"), "right": (layer, "b"), "y": (Concatenate(), "left", "right")}
    graph = Graph({"a": (3,), "b": (4,)}, layers, "y")
    assert check_layer(graph, (7,)).difference < 1e-12
    assert np.array_equal(built(graph, (7,)).predict((B, X)), np.tanh(np.hstack([B, X])))


def test_dense_takes_rows_of_several_shapes_at_its_places():
    layer = Dense(2)
    layers = {"left": (layer, "a"), "right": (layer, "b"), "flat": (Flatten(), "right")}
    graph = Graph({"a": (3,), "b": (4, 3)}, layers | {"y": (Concatenate(), "left", "flat")}, "y")
    assert check_layer(graph, (15,)).difference < 1e-12


def test_containers_do_not_share_the_layers_inside():
    layer = Dense(3)
    graph = Graph("x", {"a": (Chain(layer, ReLU()), "x"), "b": (Chain(layer), "a")}, "b")
    with pytest.raises(SettingError, match=r"b/dense is the same object as a/dense; .* several names in one Graph"):
        Model(graph).build((3,))


# ---- the first layers with parameters


def counted(log, name, shape):
    """A Dense that logs its backward."""

    class Counted(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            log.append((name, dx is None))
            return dx

    return Counted(shape)


def test_backward_ends_at_the_first_layers_with_parameters():
    log = []
    layers = {
        "r": (ReLU(), "x"),  # without parameters, and before them: not reached
        "first": (counted(log, "first", 4), "r"),
        "second": (counted(log, "second", 4), "first"),
        "other": (counted(log, "other", 4), "x"),
        "y": (Add(), "second", "other", "x"),
    }
    graph = Graph("x", layers, "y")
    model = built(graph, (4,))
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0, batch_size=20)
    assert log == [("other", True), ("second", False), ("first", True)]
    assert graph.layers["first"][0].is_first
    assert not graph.layers["second"][0].is_first
    for _, layer in graph.walk():
        layer.unmark_first()
    graph.forward(X, True)
    assert graph.backward(np.ones((20, 4))).shape == (20, 4)


def test_freezing_a_layer_of_a_graph():
    graph = Graph("x", {"h": (Dense(4), "x"), "t": (Tanh(), "h"), "y": (Dense(1), "t")}, ("y", "t"))
    model = built(graph, (4,))
    model.compile("adam", "mse")
    graph.layers["h"][0].trainable = False
    frozen, free = model.params["h/kernel"].value.copy(), model.params["y/kernel"].value.copy()
    model.fit(X, (X[:, 0], X), epochs=2, verbose=0)
    assert np.array_equal(model.params["h/kernel"].value, frozen)
    assert not np.array_equal(model.params["y/kernel"].value, free)
    graph.trainable = True
    model.fit(X, (X[:, 0], X), verbose=0)
    assert not np.array_equal(model.params["h/kernel"].value, frozen)


# ---- copies


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), lambda m: m.copy()])
def test_copies_of_a_model_share_nothing(copied):
    model = Model(two_inputs(), seed=0)
    model.compile("adam", "mse")
    model.fit((A, B), np.hstack([A, B]) + 1, verbose=0)
    other = copied(model)
    before = model.predict((A, B))
    assert np.array_equal(other.predict((A, B)), before)
    one, two = (m.fit((A, B), np.hstack([A, B]) + 1, verbose=0).history for m in (other, model))
    assert one == two
    other.fit((A, B), np.hstack([A, B]), verbose=0)
    assert not np.array_equal(other.predict((A, B)), model.predict((A, B)))
    assert not {id(layer) for _, layer in model.layer.walk()} & {id(layer) for _, layer in other.layer.walk()}


def test_a_clone_is_wired_alike_and_not_built():
    graph = two_inputs()
    built(graph, (5,))
    twin = graph.clone()
    assert repr(twin) == repr(graph)
    assert not twin.named_parameters()
    assert twin.layers["h"][0] is not graph.layers["h"][0]
    assert twin.build((5,)) == (5,)


def test_a_part_of_a_graph_ends_in_other_values():
    graph = Graph(
        "x", {"h": (Dense(3), "x"), "t": (Tanh(), "h"), "y": (Dense(1), "t"), "z": (Dense(2), "h")}, ("y", "z")
    )
    graph.build((4,))
    part = graph.ending_in(("t",))
    assert list(part.layers) == ["h", "t"]
    assert part.layers["h"][0] is graph.layers["h"][0]
    assert part.output_shapes == [(3,)]
