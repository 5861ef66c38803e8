"""Models with several outputs, each with its loss, weight and metrics."""

import numpy as np

from .tables import BENIGN, CULTIVARS, DIGITS, IMAGES, PATIENTS, PROGRESSION, TUMOURS, WINES

ALCOHOL = WINES[:, :1]
ROOM = WINES[:, 1:]


def two_heads_by_name(keras, weights):
    inputs = keras.Input(shape=(12,), name="analysis")
    trunk = keras.layers.Dense(16, activation="relu")(inputs)
    trunk = keras.layers.Dense(8, activation="relu")(trunk)
    cultivar = keras.layers.Dense(3, activation="softmax", name="cultivar")(trunk)
    alcohol = keras.layers.Dense(1, name="alcohol")(trunk)
    model = keras.Model(inputs=inputs, outputs=[cultivar, alcohol])
    weights(model)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.01),
        loss={"cultivar": "sparse_categorical_crossentropy", "alcohol": "mse"},
        loss_weights={"cultivar": 1.0, "alcohol": 0.5},
        metrics={"cultivar": "accuracy", "alcohol": ["mae", keras.metrics.RootMeanSquaredError()]},
    )
    stopper = keras.callbacks.EarlyStopping(monitor="val_cultivar_accuracy", mode="max", patience=3)
    history = model.fit(
        ROOM,
        {"cultivar": CULTIVARS, "alcohol": ALCOHOL},
        epochs=12,
        batch_size=16,
        validation_split=0.2,
        callbacks=[stopper],
        shuffle=False,
        verbose=0,
    )
    results = model.evaluate(ROOM, {"cultivar": CULTIVARS, "alcohol": ALCOHOL}, verbose=0, return_dict=True)
    kind, strength = model.predict(ROOM, verbose=0)
    return history.history, results, kind.argmax(axis=1), strength, stopper.stopped_epoch


def lists_of_losses_and_row_weights(keras, weights):
    x = keras.Input((12,))
    h = keras.layers.Dense(10, activation="gelu")(x)
    out_a = keras.layers.Dense(3, activation="softmax", name="a")(h)
    out_b = keras.layers.Dense(1, activation="linear", name="b")(h)
    model = keras.Model(x, [out_a, out_b])
    weights(model)
    model.compile(
        "rmsprop",
        loss=[keras.losses.CategoricalCrossentropy(label_smoothing=0.1), keras.losses.Huber(0.5)],
        loss_weights=[0.7, 0.3],
        metrics=[["accuracy"], ["mae"]],
        weighted_metrics=[[], ["mse"]],
    )
    y = [keras.utils.to_categorical(CULTIVARS, num_classes=3), ALCOHOL]
    trust = np.where(CULTIVARS == 1, 2.0, 0.5)
    history = model.fit(ROOM, y, sample_weight=[trust, np.ones(len(ROOM))], epochs=4, shuffle=False, verbose=0)
    listed = model.evaluate(ROOM, y, batch_size=64, verbose=0)
    return history.history, listed, model.predict(ROOM[:8], verbose=0), model.output_names


def auxiliary_output(keras, weights):
    inputs = keras.layers.Input(shape=(30,), name="main_input")
    stem = keras.layers.Dense(12, activation="relu", name="stem")(inputs)
    aux = keras.layers.Dense(1, activation="sigmoid", name="aux_output")(stem)
    deep = keras.layers.Dense(12, activation="relu")(keras.layers.concatenate([stem, inputs]))
    deep = keras.layers.Dense(12, activation="relu")(deep)
    main = keras.layers.Dense(1, activation="sigmoid", name="main_output")(deep)
    model = keras.models.Model(inputs=[inputs], outputs=[main, aux])
    weights(model)
    model.compile(optimizer="rmsprop", loss=["binary_crossentropy"] * 2, loss_weights=[1.0, 0.2])
    history = model.fit([TUMOURS], [BENIGN, BENIGN], epochs=3, batch_size=32, shuffle=False, verbose=0)
    inference = keras.models.Model(model.input, model.get_layer("main_output").output)
    predicted = inference.predict(TUMOURS[:9], verbose=0)
    return history.history, predicted, inference.count_params(), model.count_params()


def labels_that_exclude_nothing(keras, weights):
    y = np.stack([DIGITS % 2 == 0, DIGITS > 4, np.isin(DIGITS, [2, 3, 5, 7])], axis=1).astype("float32")
    x = IMAGES / 16.0
    model = keras.Sequential()
    model.add(keras.layers.Input(shape=(8, 8)))
    model.add(keras.layers.Reshape((64,)))
    model.add(keras.layers.Dense(20))
    model.add(keras.layers.ReLU(max_value=6.0))
    model.add(keras.layers.Dense(3, activation="sigmoid"))
    weights(model)
    model.compile(
        optimizer="adam",
        loss="binary_crossentropy",
        metrics=[
            "binary_accuracy",
            keras.metrics.AUC(multi_label=True, num_labels=3, name="auc"),
            keras.metrics.Precision(thresholds=0.4, name="precision"),
            keras.metrics.Recall(class_id=1, name="recall_large"),
            keras.metrics.F1Score(average="macro", threshold=0.5, name="f1"),
        ],
    )
    history = model.fit(x, y, epochs=5, batch_size=24, validation_split=0.25, shuffle=False, verbose=0)
    predicted = model.predict(x, verbose=0)
    return history.history, predicted, (predicted > 0.5).sum(axis=0)


def output_without_a_loss(keras, weights):
    inputs = keras.Input(shape=(10,))
    embedding = keras.layers.Dense(6, activation="relu", name="embedding")(inputs)
    score = keras.layers.Dense(1, name="score")(embedding)
    model = keras.Model(inputs=inputs, outputs=[score, embedding])
    weights(model)
    model.compile(optimizer="sgd", loss=["mse", None], metrics=[["mae"], None])
    history = model.fit(PATIENTS, [PROGRESSION, np.zeros((len(PATIENTS), 6))], epochs=3, shuffle=False, verbose=0)
    predicted, embedded = model.predict(PATIENTS[:6], verbose=0)
    return history.history, predicted, embedded, model.output_names
