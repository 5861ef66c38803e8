"""fit, evaluate and predict on what yields batches instead of being an array."""

import numpy as np
import pytest

from minidl import DataError, Sequential, SettingError
from minidl.callbacks import LambdaCallback
from minidl.layers import Dense, Dropout, ReLU, Sigmoid
from minidl.optimizers import SGD

X = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


class Batches:
    """Four batches of five rows, by number, as Keras's PyDataset."""

    def __len__(self):
        return 4

    def __getitem__(self, number):
        part = slice(5 * number, 5 * number + 5)
        return X[part], Y[part]


class Restartable:
    """The same, to be run through again and again."""

    def __iter__(self):
        return (Batches()[number] for number in range(4))


def endless():
    while True:
        yield from Restartable()


def model():
    net = Sequential([Dense(4), ReLU(), Dropout(0.3), Dense(1), Sigmoid()], seed=0)
    net.compile(SGD(0.1), metrics="accuracy")
    return net


def weights_after(*arguments, **settings):
    net = model()
    net.fit(*arguments, shuffle=False, epochs=3, **settings)
    return net.params.theta.copy()


FROM_ARRAYS = weights_after(X, Y, batch_size=5)


@pytest.mark.parametrize("source", [Batches, Restartable])
def test_batches_train_as_the_arrays_do(source):
    assert np.array_equal(weights_after(source()), FROM_ARRAYS)


def test_a_generator_goes_on_from_epoch_to_epoch():
    assert np.array_equal(weights_after(endless(), steps_per_epoch=4), FROM_ARRAYS)
    seen = []
    count = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    model().fit(endless(), steps_per_epoch=3, epochs=2, callbacks=[count])
    assert seen == [0, 1, 2, 0, 1, 2]


def test_numbered_batches_are_shuffled_by_the_models_seed():
    def order(shuffle):
        asked = []

        class Watched(Batches):
            def __getitem__(self, number):
                asked.append(number)
                return super().__getitem__(number)

        model().fit(Watched(), epochs=3, shuffle=shuffle)
        return asked[1:]  # the first look settles the shapes

    assert order(False) == [0, 1, 2, 3] * 3
    assert order(True) == order(True) != [0, 1, 2, 3] * 3
    assert sorted(order(True)) == sorted([0, 1, 2, 3] * 3)


def test_steps_per_epoch_shortens_an_epoch():
    history = model().fit(Batches(), epochs=2, steps_per_epoch=2, shuffle=False)
    assert history.params["steps"] == 2


def test_sample_weights_come_with_the_batches():
    weight = np.linspace(0, 1, 20)
    weighted = [(X[i : i + 5], Y[i : i + 5], weight[i : i + 5]) for i in range(0, 20, 5)]

    class Weighted(Batches):
        def __getitem__(self, number):
            return weighted[number]

    assert np.array_equal(weights_after(Weighted()), weights_after(X, Y, batch_size=5, sample_weight=weight))


def test_class_weights_hold_for_batches_too():
    by_class = {0: 1.0, 1: 3.0}
    from_arrays = weights_after(X, Y, batch_size=5, class_weight=by_class)
    assert np.array_equal(weights_after(Batches(), class_weight=by_class), from_arrays)
    assert not np.array_equal(from_arrays, FROM_ARRAYS)


@pytest.mark.parametrize("source", [Batches, Restartable])
def test_evaluate_and_validation_take_batches(source):
    net = model()
    history = net.fit(X, Y, epochs=2, validation_data=source())
    expected = model().fit(X, Y, epochs=2, validation_data=(X, Y)).history
    assert np.allclose(history.history["val_loss"], expected["val_loss"], rtol=1e-6)
    assert net.evaluate(source()) == pytest.approx(net.evaluate(X, Y), rel=1e-6)
    assert np.array_equal(net.predict(source()), net.predict(X))


def test_predict_writes_into_out():
    net, out = model(), np.empty((20, 1))
    net.build((2,))
    assert net.predict(X, out=out) is out
    assert np.array_equal(out, net.predict(X))
    with pytest.raises(ValueError, match=r"predict: out has shape \(20, 1\), wanted \(3, 1\)"):
        net.predict(X[:3], out=out)


def test_batches_that_run_out_say_so():
    with pytest.raises(DataError, match=r"ran out after 4 of an epoch; 9 an epoch were wanted\. Ask for fewer"):
        model().fit(Restartable(), steps_per_epoch=9)
    with pytest.raises(DataError, match=r"A generator yields its batches once: pass steps_per_epoch"):
        model().fit(iter(Restartable()), epochs=2)
    with pytest.raises(DataError, match="there are no batches in generator"):
        model().fit(x for x in ())


def test_what_does_not_go_together():
    with pytest.raises(DataError, match="x yields batches, so y and sample_weight come with them"):
        model().fit(Batches(), Y)
    with pytest.raises(SettingError, match="validation_split is for arrays; for x that yields batches pass"):
        model().fit(Batches(), validation_split=0.2)
    with pytest.raises(SettingError, match="fit: steps_per_epoch is only for x that yields batches; with arrays use"):
        model().fit(X, Y, steps_per_epoch=2)
    with pytest.raises(SettingError, match="fit: steps_per_epoch must be an integer of at least 1, got 0"):
        model().fit(Batches(), steps_per_epoch=0)
    built = model()
    built.build((2,))
    with pytest.raises(SettingError, match="evaluate: steps must be an integer of at least 1, got 0"):
        built.evaluate(Batches(), steps=0)
    with pytest.raises(DataError, match=r"a batch must be \(x, y\) or \(x, y, sample_weight\), got ndarray"):
        model().fit(batch for batch in [X])
    with pytest.raises(DataError, match=r"x\[2, 1\] is nan"):
        model().fit((np.where(np.arange(10).reshape(5, 2) == 5, np.nan, 1.0), Y[:5]) for _ in range(1))


def test_train_on_batch_is_a_step_of_fit():
    by_hand, fitted = model(), model()
    losses = [by_hand.train_on_batch(X, Y)[0] for _ in range(3)]
    history = fitted.fit(X, Y, batch_size=20, epochs=3)
    assert losses == history.history["loss"]
    assert np.array_equal(by_hand.params.theta, fitted.params.theta)
    assert by_hand.test_on_batch(X, Y, return_dict=True) == fitted.evaluate(X, Y, return_dict=True)
    assert np.array_equal(by_hand.predict_on_batch(X), fitted.predict(X))


def test_validation_every_other_epoch():
    history = model().fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=2).history
    assert (len(history["loss"]), len(history["val_loss"])) == (4, 2)
