"""Models that are one layer after the other, as first tutorials build them."""

import numpy as np

from .tables import BENIGN, CULTIVARS, DIGITS, FLOWERS, IMAGES, PATIENTS, PROGRESSION, SPECIES, TUMOURS, WINES


def flowers_by_one_hot_classes(keras, weights):
    x_train, x_test = FLOWERS[:120], FLOWERS[120:]
    y_train, y_test = keras.utils.to_categorical(SPECIES[:120], 3), keras.utils.to_categorical(SPECIES[120:], 3)
    model = keras.models.Sequential()
    model.add(keras.layers.Dense(10, input_dim=4, activation="relu"))
    model.add(keras.layers.Dense(8, activation="relu", kernel_initializer="he_normal"))
    model.add(keras.layers.Dense(3, activation="softmax"))
    weights(model)
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=8, batch_size=5, validation_split=0.25, shuffle=False, verbose=0)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    probabilities = model.predict(x_test, verbose=0)
    classes = np.argmax(probabilities, axis=1)
    return history.history, history.epoch, loss, accuracy, probabilities, classes


def disease_as_a_number(keras, weights):
    def build_model(features):
        model = keras.Sequential(name="regressor")
        model.add(keras.layers.Dense(16, activation="relu", name="first"))
        model.add(keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.l2(0.01)))
        model.add(keras.layers.Dropout(0.0))
        model.add(keras.layers.Dense(1))
        model.build(input_shape=(None, features))
        model.compile(optimizer=keras.optimizers.RMSprop(0.001), loss="mse", metrics=["mae", "mse"])
        return model

    model = build_model(PATIENTS.shape[1])
    weights(model)
    lines = []
    model.summary(print_fn=lambda line, line_break=False: lines.append(line))
    history = model.fit(PATIENTS, PROGRESSION, epochs=6, batch_size=32, validation_split=0.2, shuffle=False, verbose=0)
    figures = model.evaluate(PATIENTS, PROGRESSION, verbose=0, return_dict=True)
    predicted = model.predict(PATIENTS[:10], verbose=0).flatten()
    return "\n".join(lines).rstrip(), history.history, figures, predicted, model.count_params(), len(model.losses)


def digits_from_logits(keras, weights):
    x, y = IMAGES.astype("uint8"), DIGITS
    model = keras.models.Sequential(
        [
            keras.layers.Input(shape=(8, 8)),
            keras.layers.Rescaling(1.0 / 16),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0),
            keras.layers.Dense(10),
        ]
    )
    weights(model)
    before = keras.ops.convert_to_numpy(model(x[:2]))
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        optimizer="adam",
        loss=loss_fn,
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=3, name="top_3")],
    )
    history = model.fit(x[:200], y[:200], epochs=5, shuffle=False, verbose=0)
    evaluated = model.evaluate(x[200:], y[200:], verbose=0)
    probability_model = keras.Sequential([model, keras.layers.Softmax()])
    probabilities = keras.ops.convert_to_numpy(probability_model(x[:5]))
    shapes = model.input_shape, model.output_shape, probability_model.output_shape
    return before, float(loss_fn(y[:2], before)), history.history, evaluated, probabilities, shapes


def tumours_behind_an_adapted_normalization(keras, weights):
    raw = TUMOURS * 12 + 40
    normalizer = keras.layers.Normalization(axis=-1)
    normalizer.adapt(raw)
    model = keras.Sequential([normalizer, keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.build((None, 30))
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(raw, BENIGN, epochs=3, validation_split=0.2, shuffle=False, verbose=0)
    return history.history, model.predict(raw[:5], verbose=0)


def wines_in_double_precision(keras, weights):
    keras.backend.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        inputs = keras.Input(shape=(13,))
        x = keras.layers.Dense(12, activation="swish", kernel_constraint=keras.constraints.MaxNorm(2))(inputs)
        outputs = keras.layers.Dense(3, activation="softmax")(x)
        model = keras.Model(inputs, outputs)
        weights(model)
        model.compile(
            optimizer=keras.optimizers.Nadam(learning_rate=0.01),
            loss=keras.losses.SparseCategoricalCrossentropy(),
            metrics=[keras.metrics.SparseCategoricalAccuracy()],
        )
        history = model.fit(WINES.astype("float64"), CULTIVARS, epochs=5, shuffle=False, verbose=0)
        predicted = model.predict(WINES.astype("float64"), verbose=0)
        return history.history, predicted, str(predicted.dtype), [str(w.dtype) for w in model.get_weights()]
    finally:
        keras.backend.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
