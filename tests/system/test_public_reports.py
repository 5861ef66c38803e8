"""Public reports about training loops of other libraries, each tried here.

Above each test stands the report, and where the right value comes from.
"""

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV

from minidl import Sequential, load_model
from minidl.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from minidl.errors import DataError, SettingError
from minidl.estimators import MLPClassifier, SequentialClassifier
from minidl.layers import BatchNormalization, Dense, ReLU, Sigmoid
from minidl.losses import BinaryCrossentropy, MeanSquaredError
from minidl.metrics import F1Score, Metric
from minidl.optimizers import SGD, MovingAverage
from minidl.regularizers import L2
from minidl.schedules import ExponentialDecay

X = np.random.default_rng(0).normal(size=(50, 3))
Y = (X.sum(axis=1) + 0.5 * X[:, 0] ** 2 > 0.3).astype(int)
TRAIN, REST = (X[:40], Y[:40]), (X[40:], Y[40:])


def classifier(optimizer=None, metrics=None, loss=None):
    model = Sequential([Dense(4), ReLU(), Dense(1), Sigmoid()], seed=0, dtype="float64")
    model.compile(optimizer or SGD(0.1), loss, metrics=metrics)
    return model


def settled(**arguments):
    """A trained classifier whose further training, at a rate of 1e-12, changes its weights by nothing that counts."""
    model = classifier(**arguments)
    model.fit(X, Y, epochs=3, verbose=0)
    model.optimizer.learning_rate = 1e-12
    return model


class Script(Callback):
    """Replaces the val_loss of each epoch by the next of these numbers."""

    def __init__(self, *values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.values[epoch]


class Batches:
    """A sequence of batches, as keras.utils.PyDataset; its hooks count."""

    def __init__(self, size=10):
        self.size, self.begins, self.ends, self.read = size, 0, 0, []

    def __len__(self):
        return len(X) // self.size

    def __getitem__(self, number):
        self.read.append(number)
        part = slice(number * self.size, (number + 1) * self.size)
        return X[part], Y[part]

    def on_epoch_begin(self):
        self.begins += 1

    def on_epoch_end(self):
        self.ends += 1


# ---- figures


# https://github.com/keras-team/keras/issues/12681: val_loss of fit is not the loss that evaluate returns. By definition
# they are the same number for the same weights and rows, in batches of any size.
@pytest.mark.parametrize("size", [7, 40, None])
def test_the_last_val_loss_is_the_loss_of_evaluate(size):
    model = classifier(metrics=["accuracy"])
    history = model.fit(*TRAIN, epochs=2, validation_data=REST, validation_batch_size=3, verbose=0).history
    loss, accuracy = model.evaluate(*REST, batch_size=size, verbose=0)
    np.testing.assert_allclose([loss, accuracy], [history["val_loss"][-1], history["val_accuracy"][-1]], rtol=1e-12)


# https://github.com/Lightning-AI/pytorch-lightning/issues/2924: the smaller last batch counts as much as the others in
# the mean of an epoch. By hand: the mean over the rows.
def test_a_smaller_last_batch_counts_by_its_rows():
    model = settled(metrics=["accuracy"])
    logs = model.fit(X, Y, batch_size=16, shuffle=False, verbose=0).history
    p = model.predict(X, verbose=0)[:, 0]
    np.testing.assert_allclose(logs["loss"], [-np.log(np.where(Y, p, 1 - p)).mean()], rtol=1e-9)
    np.testing.assert_allclose(logs["accuracy"], [((p > 0.5) == Y).mean()], rtol=1e-12)


# https://taourl.com/read-2574840.html: F1 of an epoch is the mean of the F1 of its batches.
# https://github.com/keras-team/keras/issues/19934: AUC likewise. The right values are scikit-learn's over all rows.
def test_f1_and_auc_of_an_epoch_are_those_of_all_its_rows():
    model = settled(metrics=[F1Score(threshold=0.5), "AUC"])
    history = model.fit(X, Y, batch_size=7, validation_data=REST, validation_batch_size=3, verbose=0).history
    for prefix, (x, y) in {"": (X, Y), "val_": REST}.items():
        p = model.predict(x, verbose=0)[:, 0]
        assert history[f"{prefix}f1_score"][0] == pytest.approx(f1_score(y, p > 0.5))
        assert history[f"{prefix}AUC"][0] == pytest.approx(roc_auc_score(y, p), abs=0.01)  # of 200 thresholds


# https://github.com/keras-team/keras/issues/16526: evaluate, called by a callback, resets the metrics of the epoch.
# The right figures are those of a training without the callback.
def test_a_callback_that_evaluates_does_not_change_the_figures_of_training():
    class Evaluates(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(*REST, verbose=0)

    def figures(*callbacks):
        model = classifier(metrics=["accuracy", "AUC"])
        return model.fit(X, Y, batch_size=10, epochs=2, verbose=0, callbacks=callbacks).history

    assert figures(Evaluates()) == figures()


# https://github.com/keras-team/keras/issues/464: with a penalty the progress bar shows another loss than expected. By
# hand: loss = data loss + lambda |W|^2, once, in training, validation and evaluation.
def test_a_penalty_counts_once_in_each_loss():
    model = settled(loss=BinaryCrossentropy() + L2.keras(0.1))
    logs = model.fit(X, Y, batch_size=7, validation_data=(X, Y), verbose=0).history
    p = model.predict(X, verbose=0)[:, 0]
    penalty = 0.1 * sum(float((w**2).sum()) for w in model.get_weights() if w.ndim == 2)
    loss = -np.log(np.where(Y, p, 1 - p)).mean() + penalty
    for found in (logs["loss"][0], logs["val_loss"][0], model.evaluate(X, Y, verbose=0)):
        assert found == pytest.approx(loss, rel=1e-9)


# https://github.com/keras-team/keras/issues/6697: the history begins anew in each fit. That is documented here and in
# Keras; the numbers of the epochs go on.
def test_each_fit_has_its_own_history_and_the_epochs_go_on():
    model = classifier()
    first = model.fit(X, Y, epochs=2, verbose=0)
    second = model.fit(X, Y, epochs=4, initial_epoch=2, verbose=0)
    assert (first.epoch, second.epoch) == ([0, 1], [2, 3])
    assert model.history is second


# ---- data


# https://github.com/keras-team/keras/issues/597: which rows does validation_split take? The last ones.
def test_validation_split_takes_the_last_rows_before_they_are_shuffled():
    split = classifier().fit(X, Y, epochs=2, validation_split=0.2, verbose=0)
    given = classifier().fit(*TRAIN, epochs=2, validation_data=REST, verbose=0)
    assert split.history == given.history


# https://github.com/pytorch/pytorch/issues/16045: predictions (m, 1) and targets (m,) broadcast to (m, m). The right
# values are those for targets (m, 1).
def test_targets_without_a_second_axis_do_not_broadcast():
    losses = []
    for y in (Y, Y[:, None]):
        model = Sequential([Dense(1)], seed=0)
        model.compile(SGD(0.1), MeanSquaredError())
        losses.append(model.fit(X, y, epochs=3, verbose=0).history["loss"])
    assert losses[0] == losses[1]


# https://github.com/tensorflow/tensorflow/issues/35911, and https://github.com/keras-team/keras/issues/13074 for the
# validation: fit does not call on_epoch_end of a sequence. Keras's reference: "Method called at the end of every
# epoch", also with steps_per_epoch (https://github.com/keras-team/keras/issues/11122).
@pytest.mark.parametrize("steps", [None, 2])
def test_sequences_are_told_the_end_of_each_epoch(steps):
    train, held_out = Batches(), Batches()
    classifier().fit(train, epochs=3, steps_per_epoch=steps, validation_data=held_out, verbose=0)
    assert (train.ends, held_out.ends) == (3, 3)
    assert (train.begins, held_out.begins) == (3, 3)


# https://github.com/keras-team/keras/pull/13037: a sequence that changes its length in on_epoch_end is read to the old
# length. By hand: 5 batches of 10 rows, then 10 of 5.
def test_a_sequence_may_change_its_length_between_epochs():
    class Halving(Batches):
        def on_epoch_end(self):
            self.size = 5

    batches = Halving()
    classifier().fit(batches, epochs=2, shuffle=False, verbose=0)
    assert batches.read == [0, *range(5), *range(10)]  # the first batch is read once more, for its shape


# https://github.com/tensorflow/tensorflow/issues/64035: the generator of the validation data runs out, and later epochs
# have no val_loss. Here that is an error.
def test_a_generator_that_runs_out_is_an_error():
    batches = ((X[:10], Y[:10]) for _ in range(3))
    with pytest.raises(DataError, match=r"validation_data.*batches ran out.*let it yield without end"):
        classifier().fit(X, Y, epochs=2, validation_data=batches, validation_steps=2, verbose=0)


# https://github.com/pytorch/pytorch/issues/4534: BatchNormalization refuses a last batch of one row. As in Keras 3.15
# it is trained on: its variance is 0, so that its normalized row is 0, and the figures stay finite.
def test_a_last_batch_of_one_row_passes_batch_normalization():
    model = Sequential([Dense(4), BatchNormalization(), Dense(1)], seed=0)
    model.compile(SGD(0.1), MeanSquaredError())
    history = model.fit(X[:33], Y[:33], batch_size=32, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(model.predict(X, verbose=0)).all()


# Strings in an array of objects, as pandas stores them, are reported often in the form of
# https://github.com/scikit-learn/scikit-learn/issues/33760. The message names the encoder that takes one column.
def test_string_labels_are_told_their_encoder():
    for strings in (np.where(Y, "yes", "no"), np.where(Y, "yes", "no").astype(object)):
        with pytest.raises(DataError, match=r"fit: y .* Encode strings first, .*LabelEncoder"):
            classifier().fit(X, strings, verbose=0)


# ---- weights of rows and classes


# https://github.com/keras-team/keras/issues/8011: class_weight for rows of several labels. They have no largest entry.
@pytest.mark.parametrize("row", [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
def test_class_weight_is_refused_for_rows_without_one_class(row):
    several = np.eye(3)[np.arange(50) % 3]
    several[7] = row
    model = Sequential([Dense(3), Sigmoid()], seed=0)
    with pytest.raises(DataError, match=r"class_weight needs one class in each row, but y\[7\] is .*sample_weight"):
        model.fit(X, several, class_weight={0: 1.0, 2: 5.0}, verbose=0)


# https://github.com/keras-team/keras/issues/9186: which keys has class_weight if y is one-hot? The numbers of the
# columns; by hand: the same as these weights by row, with 1 for a class without a key.
def test_class_weight_of_one_hot_rows_goes_by_the_column():
    numbers = np.arange(50) % 3
    arguments = {"class_weight": {0: 2.0, 2: 5.0}}, {"sample_weight": np.array([2.0, 1.0, 5.0])[numbers]}
    losses = [Sequential([Dense(3), Sigmoid()], seed=0).fit(X, np.eye(3)[numbers], verbose=0, **a) for a in arguments]
    assert losses[0].history == losses[1].history


# https://github.com/keras-team/keras/issues/7917 and https://github.com/keras-team/keras/issues/13113: weights that are
# all zero make the loss NaN. By hand: the sum over w l / m is 0; Keras 3.15 gives 0 for weighted metrics.
def test_weights_that_are_all_zero_give_zero_and_change_nothing():
    model, zero = classifier(), np.zeros(50)
    model.compile(SGD(0.1), weighted_metrics=["accuracy", "AUC"])
    model.build((3,))
    before = model.get_weights()
    logs = model.fit(X, Y, sample_weight=zero, validation_data=(X, Y, zero), verbose=0).history
    assert set(np.ravel(list(logs.values()))) == {0.0}
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# ---- callbacks


# https://github.com/keras-team/keras/issues/12511 and https://github.com/tensorflow/tensorflow/issues/35634: the best
# weights return only if EarlyStopping itself ends the training. By hand: val_loss of the weights is the lowest one.
@pytest.mark.parametrize("patience", [2, 100])
def test_early_stopping_ends_with_the_best_weights_however_training_ends(patience):
    model = Sequential([Dense(4), BatchNormalization(), ReLU(), Dense(1), Sigmoid()], seed=0)
    model.compile(SGD(3.0))
    stopping = EarlyStopping(patience=patience, restore_best_weights=True)
    losses = model.fit(*TRAIN, epochs=12, validation_data=REST, verbose=0, callbacks=stopping).history["val_loss"]
    assert min(losses) < losses[-1]
    assert model.evaluate(*REST, verbose=0) == pytest.approx(min(losses), rel=1e-6)
    assert (len(losses) < 12) == (patience == 2)


# https://github.com/keras-team/keras/pull/3000: an EarlyStopping that has stopped one training stops the next at once.
def test_an_early_stopping_can_be_used_again():
    stopping = EarlyStopping(patience=1)
    for _ in range(2):
        history = classifier().fit(X, Y, epochs=9, verbose=0, callbacks=[Script(3, 2, 1, 1, 1), stopping])
        assert history.epoch == [0, 1, 2, 3]


# https://github.com/keras-team/keras/issues/13241: in every epoch that validation_freq leaves out, callbacks warn
# without the reason. Here they state it. https://github.com/keras-team/keras/issues/13239: the patience counts
# validations, not epochs. By hand: 0, 1, 1 after epochs 2, 4, 6 end a training of patience 2 in epoch 6.
def test_the_patience_counts_validations_and_other_epochs_say_that_they_have_none(tmp_path):
    class Worse(Metric):
        direction = "down"

        def reset(self):
            pass

        def update(self, y, p):
            pass

        def result(self):
            return float(len(model.history.epoch) > 2)

    model = classifier(metrics=[Worse()])
    best = ModelCheckpoint(tmp_path / "best.h5", monitor="val_worse", save_best_only=True)
    watching = [EarlyStopping("val_worse", patience=2), ReduceLROnPlateau("val_worse"), best]
    with pytest.warns(UserWarning, match=r"this epoch has no validation, because fit has validation_freq > 1"):
        history = model.fit(X, Y, epochs=20, validation_split=0.2, validation_freq=2, verbose=0, callbacks=watching)
    assert len(history.epoch) == 6
    assert best.best == 0


# https://github.com/tensorflow/tensorflow/issues/41632: "Can save best model only with val_loss available" although
# there is a validation: not within an epoch. The message says so.
def test_a_checkpoint_within_an_epoch_says_that_the_validation_comes_at_its_end(tmp_path):
    callback = ModelCheckpoint(tmp_path / "best.h5", save_best_only=True, save_freq=2)
    with pytest.warns(UserWarning, match=r"no 'val_loss' in the logs.*end of an epoch.*save_freq='epoch'"):
        classifier().fit(X, Y, validation_split=0.2, batch_size=20, verbose=0, callbacks=callback)


# https://github.com/keras-team/keras/issues/17012: a resumed training overwrites the best model with a worse one.
# By hand: val_loss 3, 2, then 2.5 after the interruption; the best remains that of epoch 2.
def test_a_resumed_training_keeps_the_best_model(tmp_path):
    def callbacks():
        best = ModelCheckpoint(tmp_path / "best.h5", save_best_only=True, mode="min")
        return [Script(3.0, 2.0, 2.5), best, ModelCheckpoint(tmp_path / "last.h5")]

    classifier().fit(X, Y, epochs=2, verbose=0, callbacks=callbacks())
    saved = (tmp_path / "best.h5").read_bytes()
    resumed = load_model(tmp_path / "last.h5")
    resumed.fit(X, Y, epochs=3, initial_epoch=resumed.position, verbose=0, callbacks=callbacks())
    assert (tmp_path / "best.h5").read_bytes() == saved


# https://github.com/keras-team/keras/issues/11420: the next fit thinks that the best value was infinite. In Keras 3.15
# the same callback keeps it. By hand: 2.5 after 2 is no improvement, 1 is.
def test_a_second_fit_with_the_same_checkpoint_keeps_the_best_model(tmp_path):
    model, best = classifier(), ModelCheckpoint(tmp_path / "best.h5", save_best_only=True, mode="min")
    figures = Script(3.0, 2.0, 2.5, 1.0)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[figures, best])
    saved = (tmp_path / "best.h5").read_bytes()
    model.fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[figures, best])
    assert (best.best, (tmp_path / "best.h5").read_bytes()) == (2.0, saved)
    model.fit(X, Y, epochs=4, initial_epoch=3, verbose=0, callbacks=[figures, best])
    assert best.best == 1.0


# https://github.com/keras-team/keras/issues/3991: after a reduction the rate falls in every epoch. By hand: patience 2
# reduces after epochs 3 and 5; with a cooldown of 2 after epochs 3 and 6. Keras 3.15 has the same rates.
@pytest.mark.parametrize(("cooldown", "rates"), [(0, [8, 8, 8, 4, 4, 2, 2]), (2, [8, 8, 8, 4, 4, 4, 2])])
def test_the_rate_falls_once_for_each_patience(cooldown, rates):
    plateau = ReduceLROnPlateau(factor=0.5, patience=2, cooldown=cooldown)
    history = classifier(SGD(8.0)).fit(X, Y, epochs=7, verbose=0, callbacks=[Script(*[1.0] * 7), plateau])
    assert history.history["learning_rate"] == rates


# https://github.com/tensorflow/tensorflow/issues/36612: a callback for the rate crashes if the rate is a schedule.
# https://github.com/tensorflow/tensorflow/issues/45261: an integer rate is rounded down to 0.
def test_callbacks_for_the_rate_refuse_a_schedule_and_take_integers():
    for callback in (ReduceLROnPlateau("loss"), LearningRateScheduler(lambda epoch: 0.1)):
        with pytest.raises(SettingError, match=r"sets the learning rate, but so does the optimizer's ExponentialDecay"):
            classifier(SGD(ExponentialDecay(0.1, 10, 0.9))).fit(X, Y, verbose=0, callbacks=callback)
    plateau = ReduceLROnPlateau(factor=0.5, patience=1)
    history = classifier(SGD(1)).fit(X, Y, epochs=3, verbose=0, callbacks=[Script(1.0, 1.0, 1.0), plateau])
    assert history.history["learning_rate"] == [1, 1, 0.5]


# https://github.com/keras-team/keras/issues/14049: CSVLogger leaves out the validation if validation_freq > 1.
# https://github.com/keras-team/keras/issues/21173: it writes columns for a validation that does not exist.
def test_the_csv_file_has_the_columns_of_the_validation_if_there_is_one(tmp_path):
    path = tmp_path / "log.csv"
    logs = classifier().fit(
        X, Y, epochs=2, validation_split=0.2, validation_freq=2, verbose=0, callbacks=CSVLogger(path)
    )
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0] == ["epoch", "loss", "val_loss"]
    assert (rows[1][2], float(rows[2][2])) == ("NA", logs.history["val_loss"][0])
    classifier().fit(X, Y, verbose=0, callbacks=CSVLogger(path))
    assert path.read_text().startswith("epoch,loss\n")


# https://github.com/keras-team/keras/issues/6703 and https://github.com/tensorflow/tensorflow/issues/56702: a training
# that was stopped or interrupted affects the next. Right: it goes on from these weights, all epochs, all figures.
@pytest.mark.parametrize("error", [None, KeyboardInterrupt, RuntimeError])
def test_a_training_that_was_ended_does_not_affect_the_next(error):
    class End(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2 and error:
                raise error
            self.model.stop_training = batch == 2

    model = classifier(metrics=["accuracy"])
    if error:
        with pytest.raises(error):
            model.fit(X, Y, batch_size=10, verbose=0, callbacks=End())
    else:
        model.fit(X, Y, batch_size=10, verbose=0, callbacks=End())
    assert model.optimizer.iterations == 3
    expected = model.copy().fit(X, Y, epochs=2, verbose=0).history
    assert model.fit(X, Y, epochs=2, verbose=0).history == expected
    assert len(expected["accuracy"]) == 2
    assert not model.stop_training


# Found while trying the reports above: a callback that calls fit took the History and stop_training of the outer fit
# away. By hand: three epochs, the last of which stops it.
def test_a_callback_may_call_fit():
    class Inner(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.fit(X[:10], Y[:10], verbose=0)
            self.model.stop_training = epoch == 2

    model = classifier(metrics=["accuracy"])
    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=Inner())
    assert history.epoch == [0, 1, 2]
    assert model.history is history
    assert model.trainer is None


# ---- weights that must not change


# https://github.com/keras-team/keras/issues/4674 and https://github.com/keras-team/keras/issues/3268: frozen layers
# change. A momentum and a moving average of the time before must not change them either.
def test_frozen_weights_stay_with_momentum_and_moving_average():
    model = classifier(MovingAverage(SGD(0.1, momentum=0.9), momentum=0.5))
    model.fit(X, Y, epochs=2, verbose=0)
    frozen, free = model.layers[0].kernel, model.layers[2].kernel
    model.layers[0].trainable = False
    before = frozen.value.copy(), free.value.copy()
    model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(frozen.value, before[0])
    assert not np.array_equal(free.value, before[1])


# https://github.com/keras-team/keras/issues/18949: the average of the weights is not what the end of training sets. By
# hand: the average starts with theta after the first step, a <- 0.5 a + 0.5 theta; and no epochs change nothing.
def test_the_end_of_training_sets_the_moving_average():
    thetas = []
    model = classifier(MovingAverage(SGD(0.5), momentum=0.5))
    record = LambdaCallback(on_train_batch_end=lambda batch, logs: thetas.append(model.params.theta.copy()))
    model.fit(X, Y, epochs=2, batch_size=25, verbose=0, callbacks=record)
    expected = thetas[0] / 8 + thetas[1] / 8 + thetas[2] / 4 + thetas[3] / 2
    np.testing.assert_allclose(model.params.theta, expected, rtol=1e-12)
    model.set_weights([np.full_like(weight, 3.0) for weight in model.get_weights()])
    model.fit(X, Y, epochs=0, verbose=0)
    assert set(model.params.theta) == {3.0}


# https://github.com/keras-team/keras/issues/4762: a frozen BatchNormalization still updates its moving averages. In
# Keras 2 and later it does not.
def test_a_frozen_batch_normalization_keeps_its_moving_averages():
    model = Sequential([BatchNormalization(), Dense(1)], seed=0)
    model.compile(SGD(0.1), MeanSquaredError())
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()[:4]
    model.fit(X + 5, Y, verbose=0)
    for old, new in zip(before, model.get_weights()[:4], strict=True):
        np.testing.assert_array_equal(old, new)


# ---- estimators


# https://github.com/scikit-learn/scikit-learn/issues/6994: partial_fit fails for a class that the first batch did not
# have. The right probabilities are scikit-learn's.
def test_partial_fit_takes_classes_that_come_later():
    both = [kind((5,), random_state=0) for kind in (MLPClassifier, sklearn.neural_network.MLPClassifier)]
    for mlp in both:
        mlp.partial_fit(X, np.array(list("abc"))[np.arange(50) % 3], classes=list("abcd"))
        mlp.partial_fit(X[:1], ["d"])
    ours, theirs = (mlp.predict_proba(X) for mlp in both)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


# https://github.com/scikit-learn/scikit-learn/issues/24764: n_iter_ of a warm start counts the epochs of all fits. The
# right numbers are those of scikit-learn 1.9.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_n_iter_of_a_warm_start_is_that_of_the_last_fit(early_stopping):
    options = {"warm_start": True, "early_stopping": early_stopping, "max_iter": 4, "random_state": 0}
    both = [kind((5,), **options) for kind in (MLPClassifier, sklearn.neural_network.MLPClassifier)]
    for mlp in both:
        mlp.fit(X, Y).set_params(max_iter=6).fit(X, Y)
    ours, theirs = ((mlp.n_iter_, len(mlp.loss_curve_), mlp.t_) for mlp in both)
    assert ours == theirs
    assert ours[0] == 6


# https://github.com/scikit-learn/scikit-learn/issues/33760: early_stopping fails for string labels. By hand: the scores
# are those of the same labels as numbers.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_early_stopping_takes_string_labels():
    options = {"early_stopping": True, "max_iter": 4, "random_state": 0}
    strings, numbers = (MLPClassifier((5,), **options).fit(X, y) for y in (np.where(Y, "yes", "no"), Y))
    assert strings.validation_scores_ == numbers.validation_scores_
    assert list(strings.classes_) == ["no", "yes"]


# https://github.com/scikit-learn/scikit-learn/issues/13285: arguments that a warm start cannot use are ignored, such as
# hidden_layer_sizes; scikit-learn applies a new activation to the old weights. Here both are errors.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "value"),
    [("hidden_layer_sizes", (7,)), ("activation", "tanh"), ("dropout", 0.5), ("batch_normalization", True)],
)
def test_a_warm_start_refuses_another_network(name, value):
    mlp = MLPClassifier((5,), warm_start=True, max_iter=2, random_state=0).fit(X, Y)
    mlp.set_params(hidden_layer_sizes=[5], alpha=0.1, learning_rate_init=0.1).fit(X, Y)  # the same network
    mlp.set_params(**{name: value})
    for train in (mlp.fit, mlp.partial_fit):
        with pytest.raises(SettingError, match=rf"fit continues with a network of {name}=.* with warm_start=False"):
            train(X, Y)
    assert mlp.set_params(warm_start=False).fit(X, Y).n_iter_ == 2


def network(hidden=4):
    return [Dense(hidden), ReLU(), Dense(1), Sigmoid()]


# The same report for a network of one's own.
def test_a_warm_start_refuses_other_arguments_of_the_function():
    warm = SequentialClassifier(network, hidden=3, warm_start=True, epochs=2).fit(X, Y)
    warm.set_params(epochs=3, optimizer=SGD(0.1)).fit(X, Y)
    with pytest.raises(SettingError, match=r"fit continues with a network of hidden=3, which is now 9"):
        warm.set_params(hidden=9).fit(X, Y)


# https://github.com/skorch-dev/skorch/pull/372: a learning rate from set_params has no effect in partial_fit. By hand:
# a rate of 1e-12 changes no weight by 1e-9; without set_params the optimizer goes on.
def test_partial_fit_uses_a_learning_rate_that_was_set():
    model = SequentialClassifier(network, optimizer=SGD(0.5, momentum=0.9), random_state=0)
    model.partial_fit(X, Y, classes=[0, 1]).partial_fit(X, Y)
    assert model.model_.optimizer.iterations == 4
    before = model.model_.params.theta.copy()
    model.set_params(optimizer__learning_rate=1e-12).partial_fit(X, Y)
    np.testing.assert_allclose(model.model_.params.theta, before, atol=1e-9)


# https://github.com/skorch-dev/skorch/issues/328: clones and set_params trouble a search. By definition the best
# estimator is the one that fit gives for the best parameters.
def test_the_best_estimator_of_a_search_is_a_fit_with_its_parameters():
    start = SequentialClassifier(network, epochs=3, random_state=0)
    search = GridSearchCV(start, {"hidden": [2, 5], "optimizer": [SGD(0.1), SGD(1.0)]}, cv=2).fit(X, Y)
    again = SequentialClassifier(network, epochs=3, random_state=0, **search.best_params_).fit(X, Y)
    np.testing.assert_array_equal(search.predict_proba(X), again.predict_proba(X))
