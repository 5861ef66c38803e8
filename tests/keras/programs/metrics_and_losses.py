"""Losses and metrics: those of Keras, functions and classes of keras.ops."""

import numpy as np

from .tables import BENIGN, CULTIVARS, PATIENTS, PROGRESSION, TUMOURS, WINES


def metrics_of_ones_own(keras, weights):
    def r_squared(y_true, y_pred):
        residual = keras.ops.sum(keras.ops.square(y_true - y_pred))
        total = keras.ops.sum(keras.ops.square(y_true - keras.ops.mean(y_true)))
        return 1 - residual / (total + keras.backend.epsilon())

    class LargestError(keras.metrics.Metric):
        """The mean of the batches' largest errors."""

        def __init__(self, name="largest_error", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")
            self.count = self.add_variable(shape=(), initializer="zeros", name="count")

        def update_state(self, y_true, y_pred, sample_weight=None):
            error = keras.ops.max(keras.ops.abs(keras.ops.cast(y_true, "float32") - y_pred))
            self.total.assign_add(error)
            self.count.assign(self.count + 1)

        def result(self):
            return self.total / self.count

        def reset_state(self):
            for variable in self.variables:
                variable.assign(0.0)

    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    weights(model)
    model.compile("adam", "mse", metrics=[r_squared, LargestError(), keras.metrics.RootMeanSquaredError(name="rmse")])
    y = PROGRESSION.reshape(-1, 1)
    history = model.fit(PATIENTS, y, epochs=4, batch_size=48, validation_split=0.2, shuffle=False, verbose=0)
    alone = keras.metrics.MeanAbsoluteError()
    for start in (0, 100):
        alone.update_state(y[start : start + 100], model.predict(PATIENTS[start : start + 100], verbose=0))
    figure = float(alone.result())
    alone.reset_state()
    return history.history, model.evaluate(PATIENTS, y, verbose=0), figure, float(alone.result())


def quantiles_by_a_closure(keras, weights):
    def tilted_loss(q):
        def loss(y, f):
            e = y - f
            return keras.ops.mean(keras.ops.maximum(q * e, (q - 1) * e), axis=-1)

        return loss

    def focal_loss(y_true, y_pred):
        p = keras.ops.clip(y_pred, 1e-7, 1 - 1e-7)
        right = y_true * p + (1 - y_true) * (1 - p)
        return keras.ops.mean(-keras.ops.power(1 - right, 2.0) * keras.ops.log(right), axis=-1)

    y, kept = PROGRESSION.reshape(-1, 1), []
    for q in (0.1, 0.5, 0.9):
        model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(10, "relu"), keras.layers.Dense(1)])
        weights(model)
        model.compile(loss=tilted_loss(q), optimizer="adadelta")
        history = model.fit(PATIENTS, y, epochs=2, batch_size=32, shuffle=False, verbose=0)
        kept.append((history.history, model.predict(PATIENTS[:6], verbose=0)))
    classifier = keras.Sequential([keras.Input((30,)), keras.layers.Dense(1, "sigmoid")])
    weights(classifier)
    classifier.compile(loss=focal_loss, optimizer="adam", metrics=["accuracy"])
    history = classifier.fit(TUMOURS, BENIGN.reshape(-1, 1).astype("float32"), epochs=3, shuffle=False, verbose=0)
    return kept, history.history


def one_network_under_every_loss(keras, weights):
    shares = np.abs(WINES[:, :3]) / np.abs(WINES[:, :3]).sum(axis=1, keepdims=True)
    signs = np.where(CULTIVARS == 1, 1.0, -1.0).reshape(-1, 1)
    one_hot = keras.utils.to_categorical(CULTIVARS)
    cases = [
        (keras.losses.Huber(0.5), None, WINES[:, :2]),
        (keras.losses.LogCosh(), "linear", WINES[:, :1]),
        ("mean_absolute_percentage_error", "softplus", np.abs(WINES[:, :1]) + 1),
        ("msle", "relu", np.abs(WINES[:, :2])),
        ("poisson", "exponential", np.round(np.abs(WINES[:, :1]))),
        ("kl_divergence", "softmax", shares),
        ("hinge", "tanh", signs),
        (keras.losses.SquaredHinge(), "tanh", signs),
        ("categorical_hinge", "softmax", one_hot),
        (keras.losses.CosineSimilarity(axis=-1), "linear", WINES[:, :4]),
        (keras.losses.BinaryFocalCrossentropy(gamma=2.0), "sigmoid", (signs + 1) / 2),
        (keras.losses.CategoricalFocalCrossentropy(alpha=0.25), "softmax", one_hot),
    ]
    kept = []
    for loss, activation, y in cases:
        units = y.shape[1] if y.ndim > 1 else 1
        hidden = keras.layers.Dense(5, activation="elu")
        model = keras.Sequential([keras.Input((13,)), hidden, keras.layers.Dense(units, activation=activation)])
        weights(model)
        model.compile(optimizer="sgd", loss=loss, metrics=[loss] if isinstance(loss, str) else None)
        history = model.fit(WINES, y, epochs=2, batch_size=60, shuffle=False, verbose=0)
        kept.append([history.history, model.predict(WINES[:5], verbose=0)])
    return kept


def standalone_tensorless_metrics(keras, weights):
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3, activation="softmax")])
    weights(model)
    model.compile(
        keras.optimizers.Adamax(0.02),
        keras.losses.CategoricalCrossentropy(),
        metrics=[
            "categorical_accuracy",
            keras.metrics.TopKCategoricalAccuracy(k=2),
            keras.metrics.F1Score(average="weighted"),
            keras.metrics.CosineSimilarity(),
            keras.metrics.KLDivergence(),
            keras.metrics.Precision(top_k=1, class_id=2, name="third"),
        ],
    )
    y = keras.utils.to_categorical(CULTIVARS, 3)
    history = model.fit(WINES, y, epochs=4, batch_size=36, validation_split=0.3, shuffle=False, verbose=0)
    losses = keras.losses.categorical_crossentropy(y[:5], model.predict(WINES[:5], verbose=0))
    mean = keras.metrics.Mean()
    for value in history.history["loss"]:
        mean.update_state(value)
    matrix = keras.metrics.MeanIoU(num_classes=3, sparse_y_pred=False)
    matrix.update_state(CULTIVARS, model.predict(WINES, verbose=0))
    return history.history, keras.ops.convert_to_numpy(losses), float(mean.result()), float(matrix.result())
