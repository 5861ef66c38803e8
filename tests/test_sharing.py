"""Models made of trained models: stacked, cut, shared, frozen, with a new head."""

import copy
import pickle

import numpy as np
import pytest

from minidl import Input, Model, Sequential, SettingError, ShapeError, check_model, load_model
from minidl.callbacks import Callback
from minidl.layers import (
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Layer,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
)
from minidl.losses import BinaryCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy
from minidl.optimizers import SGD, Adam

X = np.random.default_rng(5).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
SCORES = np.stack([X[:, 0], X[:, 1], X[:, 2]], axis=1)


def trained(*layers, y=SCORES, loss=None, epochs=3, **settings):
    model = Sequential(layers, seed=1, **settings)
    model.compile(Adam(0.01), loss or MeanSquaredError())
    model.fit(X, y, epochs=epochs, verbose=0)
    return model


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_a_softmax_on_a_trained_model():
    # as in Keras's and TensorFlow's tutorials for beginners
    model = trained(Dense(8), ReLU(), Dense(3))
    probability = Sequential([model, Softmax()])
    assert np.allclose(probability.predict(X), softmax(model.predict(X)), atol=1e-6)


def test_a_stacked_model_is_built_at_once_and_has_the_weights():
    model = trained(Dense(8), ReLU(), Dense(3))
    stacked = Sequential([model, Softmax()])
    assert stacked.built
    for one, other in zip(model.get_weights(), stacked.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert all(np.shares_memory(p.value, stacked.params.theta) for p in stacked.params.values())


def test_training_one_of_them_trains_both():
    model = trained(Dense(8), ReLU(), Dense(3))
    stacked = Sequential([model, Softmax()])
    before = model.predict(X)
    stacked.compile(Adam(0.01), SparseCategoricalCrossentropy())
    stacked.fit(X, Y, epochs=2, verbose=0)
    assert not np.allclose(model.predict(X), before)
    assert np.allclose(stacked.predict(X), softmax(model.predict(X)), atol=1e-6)
    model.fit(X, SCORES, epochs=2, verbose=0)  # its optimizer goes on
    assert np.allclose(stacked.predict(X), softmax(model.predict(X)), atol=1e-6)
    assert np.array_equal(model.params.theta, stacked.params.theta)


def test_alternating_steps_equal_steps_of_one_model():
    # two models of the same layers, one after the other, are one model trained for all the steps
    def network():
        model = Sequential([Dense(5), Tanh(), Dense(1), Sigmoid()], seed=3, dtype="float64")
        model.build((4,))
        return model

    one, alone = network(), network()
    other = Sequential(one.layers, dtype="float64")
    for model in (one, other, alone):
        model.compile(SGD(0.1), BinaryCrossentropy())
    for _ in range(5):
        for model in (one, other, alone, alone):
            model.train_on_batch(X, Y)
    assert np.array_equal(one.params.theta, alone.params.theta)
    assert np.array_equal(other.params.theta, alone.params.theta)


def test_the_encoder_of_an_autoencoder():
    model = trained(Dense(2), Tanh(), Dense(4), y=X)
    encoder = Sequential(model.layers[:2])
    kernel, bias = model.get_weights()[:2]
    assert np.allclose(encoder.predict(X), np.tanh(X @ kernel + bias), atol=1e-6)
    decoder = Sequential(model.layers[2:])
    assert np.allclose(decoder.predict(encoder.predict(X)), model.predict(X), atol=1e-6)


def test_a_layer_that_was_first_passes_its_gradient_on_elsewhere():
    model = trained(Dense(3), Tanh(), Dense(1), y=X[:, 0], dtype="float64")
    longer = Sequential([Dense(4), *model.layers], seed=0, dtype="float64")
    longer.compile(SGD(0.1), MeanSquaredError())
    assert check_model(longer, X, X[:, 0]).passed
    assert check_model(model, X, X[:, 0]).passed
    before = longer.layers[0].kernel.value.copy()
    model.train_on_batch(X, X[:, 0])
    longer.train_on_batch(X, X[:, 0])
    assert not np.array_equal(before, longer.layers[0].kernel.value)


def test_a_frozen_base_with_a_new_head():
    base = Sequential(trained(Dense(8), BatchNormalization(), ReLU(), Dense(3)).layers[:3])
    base.trainable = False
    weights = base.get_weights()
    model = Sequential([base, Dense(1), Sigmoid()], seed=0)
    model.compile(Adam(0.05), BinaryCrossentropy())
    first, *_, last = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert last < first
    assert all(np.array_equal(a, b) for a, b in zip(weights[:4], base.get_weights()[:4], strict=True))
    base.trainable = True  # fine tuning
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(weights[0], base.get_weights()[0])


def test_a_head_is_exchanged():
    model = trained(Dense(8), ReLU(), Dense(3))
    kernel = model.layers[0].kernel.value.copy()
    assert isinstance(model.pop(), Dense)
    model.add(Dense(1))
    model.add(Sigmoid())
    assert model.built
    assert np.array_equal(model.layers[0].kernel.value, kernel)
    model.compile(Adam(0.01), BinaryCrossentropy())
    model.fit(X, Y, verbose=0)
    assert model.predict(X).shape == (60, 1)


def test_a_layer_that_does_not_fit_is_not_added():
    model = trained(Dense(8), ReLU(), Dense(3))
    before = model.predict(X)
    for layer, error in ((trained(Dense(3)).layers[0], ShapeError), (model.layers[0], SettingError)):
        with pytest.raises(error):
            model.add(layer)
        assert len(model.layers) == 3
        assert np.array_equal(model.predict(X), before)
    model.fit(X, SCORES, verbose=0)


def test_an_optimizer_starts_again_when_the_layers_change():
    model = trained(Dense(8), ReLU(), Dense(3))
    model.pop()
    model.add(Dense(3))
    model.fit(X, SCORES, verbose=0)
    assert model.optimizer.iterations == 2


def test_the_shape_must_fit():
    model = trained(Dense(8), ReLU(), Dense(3))
    with pytest.raises(ShapeError, match=r"Dense is built for rows of shape \(8,\): its kernel has shape \(8, 3\)"):
        Sequential([Dense(5), *model.layers[2:]]).build((4,))
    assert model.predict(X).shape == (60, 3)


def test_the_dtype_must_fit():
    model = trained(Dense(8), ReLU(), Dense(3))
    with pytest.raises(SettingError, match="chain/dense/kernel holds float32 weights, this model is float64"):
        Sequential([model, Softmax()], dtype="float64")


def test_a_layer_has_one_place_in_a_model():
    dense = Dense(4)
    with pytest.raises(SettingError, match="the layer dense_1 is the same object as dense; a layer has one place"):
        Sequential([dense, ReLU(), dense]).build((4,))


def test_state_is_shared_too():
    model = trained(Dense(3), BatchNormalization(), Dense(3))
    other = Sequential(model.layers[:2])
    other.compile(SGD(1e-9), MeanSquaredError())
    other.fit(100 * X, SCORES, epochs=5, verbose=0)
    assert model.layers[1].moving_mean is other.layers[1].moving_mean


def test_a_layer_of_ones_own_that_contains_layers_keeps_its_weights():
    class Twice(Layer):
        def build(self, input_shape):
            self.dense = Dense(input_shape[0])
            return self.dense.build(input_shape)

        def forward(self, x, training=False):
            return 2 * self.dense.forward(x, training)

        def backward(self, dy):
            return self.dense.backward(2 * dy)

    model = trained(Twice(), Dense(3))
    inner = Sequential([model.layers[0]])
    assert np.allclose(inner.predict(X), 2 * (X @ model.get_weights()[0] + model.get_weights()[1]), atol=1e-5)
    assert inner.layers[0].dense is model.layers[0].dense


class Calls(Layer):
    """Builds its layer by `build`, which would make new parameters."""

    def __init__(self, inner):
        self.inner = inner

    def build(self, input_shape):
        return self.inner.build(input_shape)

    def forward(self, x, training=False):
        return self.inner.forward(x, training)

    def backward(self, dy):
        return self.inner.backward(dy)


def test_a_trained_layer_in_a_layer_of_ones_own_keeps_its_weights():
    model = trained(Dense(8), ReLU(), Dense(3))
    before = model.predict(X)
    wrapped = Sequential([Calls(model.layers[0]), *model.layers[1:]])
    assert np.array_equal(wrapped.predict(X), before)
    assert np.array_equal(model.predict(X), before)
    with pytest.raises(ShapeError, match=r"Dense is built for rows of shape \(4,\): its kernel has shape \(4, 8\)"):
        Sequential([Calls(model.layers[0])]).build((5,))
    assert np.array_equal(model.predict(X), before)


def test_a_residual_branch_is_cut_out():
    model = trained(Residual(Dense(4), Tanh()), Dense(3))
    branch = Sequential(model.layers[0].layers)
    assert np.allclose(branch.predict(X) + X, Sequential(model.layers[:1]).predict(X), atol=1e-6)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_of_the_newest_weights_and_shares_nothing(copied):
    model = trained(Dense(8), ReLU(), Dense(3))
    stacked = Sequential([model, Softmax()])
    stacked.compile(Adam(0.05), SparseCategoricalCrossentropy())
    stacked.fit(X, Y, verbose=0)
    clone = copied(model)
    assert np.array_equal(clone.predict(X), model.predict(X))
    clone.fit(X, SCORES, verbose=0)
    assert np.allclose(stacked.predict(X), softmax(model.predict(X)), atol=1e-6)
    assert not np.array_equal(clone.predict(X), model.predict(X))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layers: pickle.loads(pickle.dumps(layers))])
def test_copied_layers_keep_their_weights_and_share_nothing(copied):
    model = trained(Dense(8), ReLU(), Dense(3))
    encoder = Sequential(copied(model.layers[:2]))
    before = encoder.predict(X)
    assert np.array_equal(before, Sequential(model.layers[:2]).predict(X))
    model.fit(X, SCORES, verbose=0)
    assert np.array_equal(encoder.predict(X), before)


def test_a_copy_of_a_model_that_is_not_built_keeps_the_weights_of_trained_layers():
    kernel = trained(Dense(4), ReLU(), Dense(3)).layers[2]
    model = Sequential([Dense(4), kernel]).copy()
    model.build((4,))
    assert np.array_equal(model.layers[1].kernel.value, kernel.kernel.value)


def test_copies_of_several_models_share_what_these_share():
    model = trained(Dense(8), ReLU(), Dense(3))
    stacked = Sequential([model, Softmax()])
    stacked.compile(Adam(0.05), SparseCategoricalCrossentropy())
    for copies in (copy.deepcopy([model, stacked]), pickle.loads(pickle.dumps([stacked, model]))[::-1]):
        copies[1].fit(X, Y, verbose=0)
        assert np.allclose(copies[1].predict(X), softmax(copies[0].predict(X)), atol=1e-6)
        assert not np.array_equal(copies[0].predict(X), model.predict(X))


def test_a_stacked_model_is_saved_and_loaded(tmp_path):
    model = trained(Dense(8), ReLU(), Dense(3))
    stacked = Sequential([model, Softmax()])
    stacked.save(tmp_path / "stacked.h5")
    loaded = load_model(tmp_path / "stacked.h5")
    assert np.array_equal(loaded.predict(X), stacked.predict(X))
    model.fit(X, SCORES, verbose=0)
    model.save(tmp_path / "model.h5")
    assert np.array_equal(load_model(tmp_path / "model.h5").predict(X), model.predict(X))


class Uses(Callback):
    """Uses another model with the same layers during the training."""

    def __init__(self, other, use):
        self.other, self.use = other, use

    def on_train_batch_end(self, batch, logs=None):
        self.use(self.other)

    on_gradients = on_epoch_begin = on_epoch_end = on_train_batch_begin = on_train_batch_end


class UsesFirst(Callback):
    """Uses another model with the same layers before the first step alone."""

    def __init__(self, other, use):
        self.other, self.use = other, use

    def on_train_begin(self, logs=None):
        self.use(self.other)


@pytest.mark.parametrize(
    "use",
    [
        lambda other: other.predict(X),
        lambda other: other.evaluate(X, Y),
        lambda other: other.backpropagate(X, Y),
        lambda other: other.params.theta.copy(),
    ],
)
def test_a_callback_may_use_another_model_of_the_same_layers(use):
    def run(*callbacks):
        model = Sequential([Dense(6), Tanh(), Dense(3)], seed=1)
        model.build((4,))
        other = Sequential([model, Softmax()])
        model.compile(Adam(0.01), MeanSquaredError())
        model.fit(X, SCORES, 16, epochs=2, verbose=0, callbacks=[kind(other, use) for kind in callbacks])
        return model.params.theta.copy()

    assert np.array_equal(run(Uses), run())
    assert np.array_equal(run(UsesFirst), run())


def test_generator_and_discriminator():
    # a GAN's two models: the discriminator learns alone, the generator through the frozen discriminator
    generator = Sequential([Input((2,)), Dense(6), Tanh(), Dense(4)], seed=0)
    discriminator = Sequential([Input((4,)), Dense(6), Tanh(), Dropout(0.1), Dense(1), Sigmoid()], seed=1)
    discriminator.compile(Adam(0.01), BinaryCrossentropy())
    both = Sequential([generator, discriminator])
    both.compile(Adam(0.01), BinaryCrossentropy())
    noise = np.random.default_rng(0).normal(size=(20, 2))
    for _ in range(3):
        discriminator.trainable = True
        made = generator.get_weights()
        discriminator.train_on_batch(np.vstack([X[:20], generator.predict(noise)]), np.repeat([1, 0], 20))
        assert all(np.array_equal(a, b) for a, b in zip(made, generator.get_weights(), strict=True))
        discriminator.trainable = False
        kept = discriminator.get_weights()
        both.train_on_batch(noise, np.ones(20))
        assert all(np.array_equal(a, b) for a, b in zip(kept, discriminator.get_weights(), strict=True))
        assert not np.array_equal(made[0], generator.get_weights()[0])


def test_a_model_of_one_layer_is_stacked():
    model = Model(Chain(Dense(3)), seed=0)
    model.build((4,))
    assert np.array_equal(Sequential([model, ReLU()]).predict(X), np.maximum(model.predict(X), 0))


def test_weights_of_a_layer_are_got_and_set():
    model = trained(Dense(3), BatchNormalization(), Dense(3))
    dense, normalization, _ = model.layers
    kernel, bias = dense.get_weights()
    dense.set_weights([2 * kernel, bias + 1])
    assert np.array_equal(model.get_weights()[0], 2 * kernel)
    assert np.array_equal(dense.bias.value, bias + 1)
    assert [weight.shape for weight in normalization.get_weights()] == [(3,)] * 4
    assert np.array_equal(normalization.get_weights()[2], normalization.moving_mean)
    with pytest.raises(ShapeError, match=r"set_weights: kernel has shape \(4, 3\), got \(3,\)"):
        dense.set_weights([bias, kernel])
    assert np.array_equal(dense.kernel.value, 2 * kernel)


def test_a_layer_that_is_not_built_has_no_weights_to_set():
    assert Dense(3).get_weights() == []
    with pytest.raises(ShapeError, match="got 1 arrays for 0 weights: it has none, or is not built yet"):
        Dense(3).set_weights([np.ones(3)])
