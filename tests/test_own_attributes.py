"""Objects refuse attributes that they do not have, and name the nearest that they have."""

from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from minidl import Sequential, SettingError
from minidl.callbacks import EarlyStopping, ModelCheckpoint
from minidl.initializers import HeNormal
from minidl.layers import Dense, Dropout, Layer
from minidl.losses import BinaryCrossentropy, Huber, Loss
from minidl.metrics import BinaryAccuracy, Precision
from minidl.optimizers import SGD, Adam
from minidl.parameters import Parameter
from minidl.regularizers import L2
from minidl.schedules import ExponentialDecay

REFUSED = [
    (Adam(), "lr", "did you mean 'learning_rate'"),
    (SGD(0.1), "momentun", "did you mean 'momentum'"),
    (Dense(3), "trainabel", "did you mean 'trainable'"),
    (Dense(3), "activation", "it has name, units, use_bias"),
    (Dropout(0.1), "rat", "did you mean 'rate'"),
    (EarlyStopping(), "patients", "did you mean 'patience'"),
    (ModelCheckpoint("m.h5"), "save_best", "did you mean 'save_best_only'"),
    (Huber(), "dleta", "did you mean 'delta'"),
    (BinaryCrossentropy(), "from_logit", "did you mean 'from_logits'"),
    (BinaryAccuracy(), "treshold", "did you mean 'threshold'"),
    (L2(0.1), "lambda_", "did you mean 'lambd'"),
    (HeNormal(), "scale", "it has no settings"),
    (ExponentialDecay(0.1, 10, 0.5), "decay", "did you mean 'decay_"),
    (Sequential([Dense(1)]), "optimiser", "did you mean 'optimizer'"),
    (Sequential([Dense(1)]), "trainabel", "did you mean 'trainable'"),
]


@pytest.mark.parametrize(("holder", "name", "hint"), REFUSED, ids=lambda value: getattr(value, "name", str(value)[:20]))
def test_an_unknown_attribute_is_refused_with_the_nearest(holder, name, hint):
    before = dict(vars(holder))
    for error in (AttributeError, SettingError):
        with pytest.raises(error, match=f"{type(holder).__name__} has no attribute {name!r}; .*{hint}"):
            setattr(holder, name, 0.5)
    assert vars(holder) == before


def test_a_function_whose_argument_is_the_layer_is_not_a_method_of_it():
    def use_relu(layer):
        layer.activation = "relu"

    with pytest.raises(AttributeError, match="Dense has no attribute 'activation'"):
        use_relu(Dense(3))


def test_attributes_that_exist_can_be_set():
    optimizer, layer = Adam(), Dense(3)
    optimizer.learning_rate, layer.trainable, layer.name = 0.5, False, "first"
    assert (optimizer.learning_rate, layer.trainable, layer.name) == (0.5, False, "first")


@pytest.mark.parametrize(("holder", "name"), [(Huber(), "delta"), (L2(0.1), "lambd"), (BinaryCrossentropy(), "labels")])
def test_losses_and_penalties_do_not_change(holder, name):
    message = f"{type(holder).__name__} does not change: make another one, {type(holder).__name__}\\({name}=...\\)"
    with pytest.raises(FrozenInstanceError, match=message):
        setattr(holder, name, 0.5)


def test_layers_of_ones_own_keep_what_they_like_on_self():
    @dataclass(eq=False)
    class Scaled(Layer):
        factor: float = 2.0

        def build(self, input_shape):
            self.set_up(input_shape)
            return input_shape

        def set_up(self, input_shape):
            for number in range(2):
                setattr(self, f"kernel_{number}", Parameter(input_shape, HeNormal()))

        def forward(self, x, training=False):
            self.seen = x
            return self.factor * x * self.kernel_0.value

        def backward(self, dy):
            self.kernel_0.grad = (self.factor * self.seen * dy).sum(axis=0)
            self.kernel_1.grad = np.zeros(self.kernel_1.shape)
            return self.factor * dy * self.kernel_0.value

    model = Sequential([Scaled(), Dense(1)], seed=0)
    model.fit(np.ones((4, 3)), np.ones(4), verbose=0)
    assert model.layers[0].seen.shape == (4, 3)
    with pytest.raises(AttributeError, match="Scaled has no attribute 'facto'; did you mean 'factor'"):
        model.layers[0].facto = 3


def test_losses_of_ones_own_too():
    class Absolute(Loss):
        def terms(self, p, y):
            return abs(p - y)[:, 0], np.sign(p - y)

    with pytest.raises(AttributeError, match="Absolute has no attribute 'rate'; it has no settings"):
        Absolute().rate = 2


def make_kernel(layer):
    layer.kernel = 1.0


class Helped(Layer):
    """A layer whose attributes come from functions without self that its methods call."""

    def in_a_comprehension(self):
        return [setattr(self, name, 1.0) for name in ("kernel",)]

    def in_a_function_inside(self):
        def make():
            self.kernel = 1.0

        make()

    def in_a_lambda(self):
        (lambda: setattr(self, "kernel", 1.0))()

    def in_a_helper(self):
        make_kernel(self)

    @classmethod
    def in_another_constructor(cls):
        layer = cls()
        layer.kernel = 1.0
        return layer


@pytest.mark.parametrize("name", [name for name in vars(Helped) if name.startswith("in_")])
def test_functions_that_a_method_calls_add_attributes(name):
    class Fresh(Helped):
        pass

    layer = Fresh()
    made = getattr(layer, name)()
    assert (made if isinstance(made, Fresh) else layer).kernel == 1


def test_a_method_of_another_object_does_not():
    class Builder:
        def build(self, layer):
            make_kernel(layer)

    with pytest.raises(AttributeError, match="Layer has no attribute 'kernel'; it has name; other attributes"):
        Builder().build(Layer())


def test_an_attribute_of_one_metric_is_none_of_another():
    metric = BinaryAccuracy()
    metric.threshold = 0.4
    with pytest.raises(AttributeError, match="Precision has no attribute 'threshold'; did you mean 'thresholds'"):
        Precision().threshold = 0.4


def test_a_setattr_of_ones_own_refuses_too():
    class Logged(Dense):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)

    with pytest.raises(AttributeError, match="Logged has no attribute 'unit'; did you mean 'units'"):
        Logged(3).unit = 4


def test_a_subclass_of_a_penalty_keeps_what_it_likes_beside_the_settings():
    class Counted(L2):
        def __init__(self, lambd):
            super().__init__(lambd)
            self.calls = 0

        def value(self, w, m):
            self.calls += 1
            return super().value(w, m)

    penalty = Counted(0.2)
    penalty.value(np.ones(2), 1)
    assert penalty.calls == 1
    with pytest.raises(FrozenInstanceError):
        penalty.lambd = 0.3
    with pytest.raises(AttributeError, match="Counted has no attribute 'lamda'"):
        penalty.lamda = 0.3


def test_properties_keep_their_setters():
    class Named(Layer):
        @property
        def title(self):
            return self._title

        @title.setter
        def title(self, title):
            self._title = title.upper()

    layer = Named()
    for title in ("a", "b"):
        layer.title = title
    assert layer.title == "B"
    assert "title" not in vars(layer)


# ---- settings that a class does not take


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(64, activation="relu"), r"Dense has no setting 'activation': .* write Dense\(64\), ReLU\(\)"),
        (lambda: Dense(64, input_shape=(8,)), r"Dense has no setting 'input_shape': write Input\(\(8,\)\) before"),
        (lambda: Dense(64, input_dim=8), "Dense has no setting 'input_dim': write Input"),
        (lambda: Dense(unit=64), "Dense has no setting 'unit': did you mean 'units'?"),
        (lambda: Dropout(0.5, seed=1), r"the model has one for all its layers: Sequential\(\[...\], seed=0\)"),
        (lambda: Adam(lr=0.1), "Adam has no setting 'lr': the name is learning_rate"),
        (lambda: SGD(0.1, decay=1e-6), "pass a schedule"),
        (lambda: Adam(clipnorm=1.0), r"wrap the optimizer: Clip\(Adam\(\), norm=1.0\)"),
        (lambda: Adam(amsgrad=True), r"write AMSGrad\(\)"),
        (lambda: BinaryCrossentropy(reduction="sum"), "a loss is the mean over the rows"),
        (lambda: EarlyStopping(patients=3), "did you mean 'patience'?"),
        (lambda: HeNormal(gain=2), "HeNormal has no setting 'gain': it takes none"),
    ],
)
def test_a_setting_of_keras_or_a_misspelt_one_is_answered(make, message):
    for error in (SettingError, TypeError):
        with pytest.raises(error, match=message):
            make()


def test_a_class_of_ones_own_takes_what_its_init_takes():
    class Mine(EarlyStopping):
        def __init__(self, anything, **others):
            super().__init__("loss", patience=anything)
            self.others = others

    assert Mine(anything=2, activation=3).others == {"activation": 3}
