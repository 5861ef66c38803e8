"""Callbacks under Keras's names."""

import numpy as np
import pytest

import minidl.keras as keras
from minidl import SettingError
from tests.keras.peer import NUMBERS, X, assert_same, both


def model():
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(2)])
    made.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return made


class Halving(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((self.model, float(self.model.optimizer.learning_rate)))
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate / 2
        if epoch == 2:
            self.model.stop_training = True


def test_a_callback_of_the_users_own_has_the_model_that_fit_was_called_on():
    trained, callback = model(), Halving()
    callback.note = "set from outside"
    history = trained.fit(X, NUMBERS, epochs=9, verbose=0, callbacks=[callback])
    assert [rate for _, rate in callback.seen] == [0.1, 0.05, 0.025]
    assert all(seen is trained for seen, _ in callback.seen)
    assert len(history.history["loss"]) == 3


@pytest.mark.peers
def test_callbacks_do_what_they_do_in_keras():
    def program(keras, weights):
        trained = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(2)])
        weights(trained)
        trained.compile(keras.optimizers.SGD(0.5), "mse", metrics=["mae"])
        calls = []
        callbacks = [
            keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.9),
            keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: calls.append((epoch, sorted(logs))),
                on_test_begin=lambda logs: calls.append("test"),
                on_train_batch_end=lambda batch, logs: calls.append(batch),
            ),
        ]
        history = trained.fit(
            X, NUMBERS, epochs=30, validation_split=0.3, callbacks=callbacks, verbose=0, shuffle=False
        )
        return history.history, history.epoch, trained.get_weights(), calls[:3]

    theirs, ours = both(program)
    assert_same(theirs, ours)


def test_a_checkpoint_saves_as_the_model_does(tmp_path):
    trained = model()
    weights = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", monitor="val_loss", save_best_only=True, save_weights_only=True
    )
    held_out = X[60:], NUMBERS[60:]
    trained.fit(X[:60], NUMBERS[:60], epochs=3, validation_data=held_out, verbose=0, callbacks=[weights])
    other = model()
    other.load_weights(tmp_path / "best.weights.h5")
    assert other.evaluate(*held_out, verbose=0)[0] == pytest.approx(weights.best, rel=1e-6)


def test_a_lambda_callback_takes_every_hook_and_no_other_name():
    calls = []
    callback = keras.callbacks.LambdaCallback(on_predict_end=lambda logs: calls.append("predicted"))
    model().predict(X, verbose=0, callbacks=[callback])
    assert calls == ["predicted"]
    with pytest.raises(SettingError, match="LambdaCallback: on_epoch_ends is not a hook; there are on_train_begin"):
        keras.callbacks.LambdaCallback(on_epoch_ends=print)


def test_tensorboard_says_what_it_leaves_out():
    with pytest.warns(UserWarning, match="TensorBoard: minidl writes figures of epochs alone, without histogram_freq"):
        keras.callbacks.TensorBoard("logs", histogram_freq=1)


def test_absent_callbacks_are_answered():
    with pytest.raises(ImportError, match=r"keras\.callbacks\.SwapEMAWeights is not in minidl.keras: use_ema"):
        keras.callbacks.SwapEMAWeights  # noqa: B018


def test_the_data_are_told_of_epochs():
    class Batches(keras.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.calls = []

        def __len__(self):
            return 3

        def __getitem__(self, index):
            part = slice(30 * index, 30 * index + 30)
            return X[part], NUMBERS[part]

        def on_epoch_end(self):
            self.calls.append("end")

    data = Batches()
    history = model().fit(data, epochs=2, verbose=0)
    assert data.calls == ["end", "end"]
    assert data.num_batches == 3
    assert np.isfinite(history.history["loss"]).all()


def test_the_hook_of_predict_sees_the_outputs_of_every_batch():
    x = keras.Input((4,))
    both_ends = keras.Model(x, [keras.layers.Dense(1)(x), keras.layers.Dense(2)(x)])
    seen = []
    hook = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append(logs["outputs"]))
    first, second = both_ends.predict(X, callbacks=[hook], verbose=0)
    assert [len(part[0]) for part in seen] == [32, 32, 26]
    np.testing.assert_array_equal(np.concatenate([part[0] for part in seen]), first)
    np.testing.assert_array_equal(np.concatenate([part[1] for part in seen]), second)
