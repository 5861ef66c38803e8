"""Trained layers that are used again."""

import numpy as np

from .tables import CULTIVARS, PATIENTS, PROGRESSION, WINES


def transfer_then_fine_tuning(keras, weights):
    inputs = keras.Input((10,))
    h = keras.layers.Dense(12, activation="relu")(inputs)
    h = keras.layers.BatchNormalization()(h)
    h = keras.layers.Dense(8, activation="relu", name="features")(h)
    pretrained = keras.Model(inputs, keras.layers.Dense(1)(h))
    weights(pretrained)
    pretrained.compile("adam", "mse")
    pretrained.fit(PATIENTS, PROGRESSION, epochs=3, shuffle=False, verbose=0)

    base_model = keras.Model(pretrained.input, pretrained.get_layer("features").output, name="base")
    base_model.trainable = False
    new_inputs = keras.Input(shape=(10,))
    x = base_model(new_inputs, training=False)
    outputs = keras.layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(new_inputs, outputs)
    weights(model)
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[keras.metrics.BinaryAccuracy()],
    )
    severe = (np.median(PROGRESSION) < PROGRESSION).astype("float32")
    counts = [len(model.trainable_weights), len(model.non_trainable_weights)]
    frozen = model.fit(PATIENTS, severe, epochs=3, shuffle=False, verbose=0)
    base_model.trainable = True
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[keras.metrics.BinaryAccuracy()],
    )
    tuned = model.fit(PATIENTS, severe, epochs=2, shuffle=False, verbose=0)
    counts += [len(model.trainable_weights), len(model.non_trainable_weights)]
    return frozen.history, tuned.history, counts, model.predict(PATIENTS, verbose=0), base_model.get_weights()


def all_but_the_new_head(keras, weights):
    model = keras.Sequential(
        [
            keras.Input((13,)),
            keras.layers.Dense(10, activation="relu"),
            keras.layers.Dense(6, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    weights(model)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    first = model.fit(WINES, CULTIVARS, epochs=2, shuffle=False, verbose=0)
    model.pop()
    for layer in model.layers:
        layer.trainable = False
    model.add(keras.layers.Dense(1, activation="sigmoid", name="new_head"))
    weights(model)
    kept = model.layers[0].get_weights()
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    second = model.fit(WINES, CULTIVARS == 1, epochs=3, shuffle=False, verbose=0)
    still = [np.array_equal(a, b) for a, b in zip(kept, model.layers[0].get_weights(), strict=True)]
    trainable = [layer.trainable for layer in model.layers]
    names = [weight.path for weight in model.trainable_variables]
    return first.history, second.history, still, trainable, names, model.predict(WINES, verbose=0)
