"""Objects refuse attributes that they do not have, and name the nearest that they have."""

from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from minidl import Sequential, SettingError
from minidl.callbacks import EarlyStopping, ModelCheckpoint
from minidl.initializers import HeNormal
from minidl.layers import Dense, Dropout, Layer
from minidl.losses import BinaryCrossentropy, Huber, Loss
from minidl.metrics import BinaryAccuracy
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

    with pytest.raises(AttributeError, match="Absolute has no attribute 'weight'; it has no settings"):
        Absolute().weight = 2


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
