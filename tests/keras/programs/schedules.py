"""Learning rates that change during a training."""

import math

from .tables import BENIGN, CULTIVARS, PATIENTS, PROGRESSION, TUMOURS, WINES


def exponential_decay_in_the_optimizer(keras, weights):
    class RateLog(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))

    rates = []
    initial_learning_rate = 0.1
    lr_schedule = keras.optimizers.schedules.ExponentialDecay(
        initial_learning_rate, decay_steps=10, decay_rate=0.9, staircase=True
    )
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(10, "relu"), keras.layers.Dense(3, "softmax")])
    weights(model)
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=lr_schedule, clipnorm=1.0),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        WINES, CULTIVARS, epochs=6, batch_size=16, callbacks=[RateLog()], validation_split=0.1, shuffle=False, verbose=0
    )
    planned = [float(lr_schedule(step)) for step in range(0, 60, 10)]
    return history.history, rates, planned, int(model.optimizer.iterations), lr_schedule.get_config()["decay_rate"]


def steps_by_a_scheduler(keras, weights):
    def step_decay(epoch):
        initial_lrate, drop, epochs_drop = 0.1, 0.5, 3.0
        return initial_lrate * math.pow(drop, math.floor((1 + epoch) / epochs_drop))

    class LossHistory(keras.callbacks.Callback):
        def on_train_begin(self, logs={}):  # noqa: B006
            self.losses = []
            self.lr = []

        def on_epoch_end(self, batch, logs={}):  # noqa: B006
            self.losses.append(logs.get("loss"))
            self.lr.append(step_decay(len(self.losses)))

    model = keras.models.Sequential()
    model.add(keras.layers.Dense(12, input_shape=(30,), kernel_initializer="random_normal", activation="relu"))
    model.add(keras.layers.Dense(1, kernel_initializer="glorot_uniform", activation="sigmoid"))
    weights(model)
    sgd = keras.optimizers.SGD(learning_rate=0.0, momentum=0.9, nesterov=True)
    model.compile(loss="binary_crossentropy", optimizer=sgd, metrics=["accuracy"])
    loss_history = LossHistory()
    lrate = keras.callbacks.LearningRateScheduler(step_decay)
    history = model.fit(
        TUMOURS,
        BENIGN,
        validation_split=0.33,
        epochs=8,
        batch_size=28,
        callbacks=[loss_history, lrate],
        shuffle=False,
        verbose=0,
    )
    return history.history, loss_history.losses, loss_history.lr, model.predict(TUMOURS[:5], verbose=0)


def warm_up_in_a_schedule_of_ones_own(keras, weights):
    class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
        def __init__(self, d_model, warmup_steps=20):
            super().__init__()
            self.d_model = d_model
            self.warmup_steps = warmup_steps

        def __call__(self, step):
            step = keras.ops.cast(step, dtype="float32") + 1.0
            arg1 = keras.ops.rsqrt(step)
            arg2 = step * (self.warmup_steps**-1.5)
            return keras.ops.rsqrt(keras.ops.cast(self.d_model, "float32")) * keras.ops.minimum(arg1, arg2)

    def small_model():
        return keras.Sequential([keras.Input((10,)), keras.layers.Dense(8, "softplus"), keras.layers.Dense(1)])

    first, second = small_model(), small_model()
    weights(first)
    second.set_weights(first.get_weights())
    first.compile(keras.optimizers.Adam(WarmUp(512), beta_1=0.9, beta_2=0.98, epsilon=1e-9), loss="mse")
    cosine = keras.optimizers.schedules.CosineDecay(0.0, decay_steps=40, warmup_target=0.02, warmup_steps=8)
    second.compile(keras.optimizers.AdamW(cosine, weight_decay=0.01, global_clipnorm=0.5), loss="mse")
    histories = [
        model.fit(PATIENTS, PROGRESSION, epochs=6, batch_size=32, shuffle=False, verbose=0).history
        for model in (first, second)
    ]
    return histories, first.predict(PATIENTS[:9], verbose=0), second.predict(PATIENTS[:9], verbose=0)
