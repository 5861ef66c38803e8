"""Classes and rows that count more than others."""

import numpy as np

from .tables import BENIGN, PATIENTS, PROGRESSION, TUMOURS

RARE = np.concatenate([np.flatnonzero(BENIGN == 1), np.flatnonzero(BENIGN == 0)[:20]])
RARE = np.random.default_rng(3).permutation(RARE)
READINGS, FRAUD = TUMOURS[RARE], (1 - BENIGN[RARE]).reshape(-1, 1)


def rare_cases_with_class_weights(keras, weights):
    metrics = [
        keras.metrics.BinaryCrossentropy(name="cross entropy"),
        keras.metrics.MeanSquaredError(name="Brier score"),
        keras.metrics.TruePositives(name="tp"),
        keras.metrics.FalsePositives(name="fp"),
        keras.metrics.TrueNegatives(name="tn"),
        keras.metrics.FalseNegatives(name="fn"),
        keras.metrics.BinaryAccuracy(name="accuracy"),
        keras.metrics.Precision(name="precision"),
        keras.metrics.Recall(name="recall"),
        keras.metrics.AUC(name="auc"),
        keras.metrics.AUC(name="prc", curve="PR"),
    ]
    neg, pos = np.bincount(FRAUD[:, 0])
    output_bias = keras.initializers.Constant(np.log([pos / neg]))
    model = keras.Sequential(
        [
            keras.layers.Dense(16, activation="relu", input_shape=(READINGS.shape[-1],)),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(1, activation="sigmoid", bias_initializer=output_bias),
        ]
    )
    start = keras.ops.convert_to_numpy(model.layers[-1].bias)
    weights(model)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.BinaryCrossentropy(), metrics=metrics)
    total = neg + pos
    class_weight = {0: (1 / neg) * (total / 2.0), 1: (1 / pos) * (total / 2.0)}
    history = model.fit(
        READINGS[:120],
        FRAUD[:120],
        batch_size=40,
        epochs=5,
        class_weight=class_weight,
        shuffle=False,
        verbose=0,
    )
    results = model.evaluate(READINGS[120:], FRAUD[120:], verbose=0, return_dict=True)
    return start, history.history, results, model.predict(READINGS, verbose=0)


def weights_of_rows_and_of_validation_rows(keras, weights):
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    weights(model)
    model.compile(
        optimizer="adam",
        loss=keras.losses.MeanAbsoluteError(),
        metrics=["mse"],
        weighted_metrics=["mse", keras.metrics.MeanAbsoluteError(name="weighted_mae")],
    )
    recency = np.exp(np.linspace(-2.0, 0.0, len(PATIENTS)))
    history = model.fit(
        PATIENTS[:180],
        PROGRESSION[:180],
        sample_weight=recency[:180],
        validation_data=(PATIENTS[180:], PROGRESSION[180:], recency[180:]),
        validation_batch_size=17,
        epochs=4,
        shuffle=False,
        verbose=0,
    )
    plain = model.evaluate(PATIENTS, PROGRESSION, verbose=0, return_dict=True)
    weighted = model.evaluate(PATIENTS, PROGRESSION, sample_weight=recency, verbose=0, return_dict=True)
    return history.history, plain, weighted, model.predict(PATIENTS, batch_size=7, verbose=0)
