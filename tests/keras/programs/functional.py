"""Models with branches: layers called on symbolic tensors."""

import numpy as np

from .tables import BENIGN, CULTIVARS, FLOWERS, PATIENTS, PROGRESSION, SPECIES, TUMOURS, WINES


def wide_and_deep(keras, weights):
    wide = keras.layers.Input(shape=[5], name="wide_input")
    deep = keras.layers.Input(shape=[6], name="deep_input")
    hidden1 = keras.layers.Dense(12, activation="relu")(deep)
    hidden2 = keras.layers.Dense(12, activation="relu")(hidden1)
    concat = keras.layers.concatenate([wide, hidden2])
    output = keras.layers.Dense(1, name="output")(concat)
    model = keras.models.Model(inputs=[wide, deep], outputs=[output])
    weights(model)
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(learning_rate=1e-2))
    train = PATIENTS[:180, :5], PATIENTS[:180, 4:]
    valid = PATIENTS[180:, :5], PATIENTS[180:, 4:]
    history = model.fit(
        train, PROGRESSION[:180], epochs=6, validation_data=(valid, PROGRESSION[180:]), shuffle=False, verbose=0
    )
    mse = model.evaluate(valid, PROGRESSION[180:], verbose=0)
    named = model.predict({"wide_input": valid[0][:3], "deep_input": valid[1][:3]}, verbose=0)
    return history.history, mse, named, [layer.name for layer in model.layers], [str(s) for s in model.input_shape]


def residual_blocks_in_a_loop(keras, weights):
    inputs = keras.Input(shape=(30,))
    x = keras.layers.Dense(16)(inputs)
    for block in range(3):
        shortcut = x
        x = keras.layers.BatchNormalization(name=f"bn_{block}")(x)
        x = keras.layers.Activation("relu")(x)
        x = keras.layers.Dense(16, use_bias=False, kernel_initializer="he_uniform")(x)
        x = keras.layers.Add()([shortcut, x])
    x = keras.layers.LayerNormalization()(x)
    outputs = keras.layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs, outputs, name="mlp_resnet")
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc"), "accuracy"])
    history = model.fit(TUMOURS, BENIGN, batch_size=40, epochs=4, validation_split=0.25, shuffle=False, verbose=0)
    moving = model.get_layer("bn_1").get_weights()
    return history.history, model.predict(TUMOURS, verbose=0), moving, model.count_params(), len(model.weights)


def siamese_with_one_shared_layer(keras, weights):
    def euclidean_distance(vects):
        a, b = vects
        total = keras.ops.sum(keras.ops.square(a - b), axis=1, keepdims=True)
        return keras.ops.sqrt(keras.ops.maximum(total, 1e-7))

    def contrastive_loss(y_true, y_pred):
        near = keras.ops.square(y_pred)
        far = keras.ops.square(keras.ops.maximum(1.0 - y_pred, 0))
        return keras.ops.mean((1 - y_true) * near + y_true * far)

    embed = keras.layers.Dense(6, activation="tanh", name="embed")
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    distance = keras.layers.Lambda(euclidean_distance, output_shape=(1,))([embed(left), embed(right)])
    siamese = keras.Model(inputs=[left, right], outputs=distance)
    weights(siamese)
    siamese.compile(loss=contrastive_loss, optimizer="rmsprop")
    first, second = FLOWERS[:75], FLOWERS[75:]
    different = (SPECIES[:75] != SPECIES[75:]).astype("float32")
    history = siamese.fit([first, second], different, epochs=5, batch_size=15, shuffle=False, verbose=0)
    return history.history, siamese.predict([first, second], verbose=0), embed.get_weights(), siamese.count_params()


def two_towers_of_one_encoder(keras, weights):
    encoder = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(4)], name="encoder"
    )
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    merged = keras.layers.Concatenate()([encoder(a), encoder(b)])
    model = keras.Model([a, b], keras.layers.Dense(1)(merged))
    weights(model)
    model.compile(optimizer="adam", loss="mae")
    x = [PATIENTS[:, :5], PATIENTS[:, 5:]]
    history = model.fit(x, PROGRESSION, epochs=4, validation_split=0.2, shuffle=False, verbose=0)
    codes = encoder.predict(x[0][:6], verbose=0)
    return history.history, model.predict(x, verbose=0), codes, [w.shape for w in model.get_weights()]


def gate_of_arithmetic_on_tensors(keras, weights):
    inputs = keras.Input(shape=(13,))
    x = keras.layers.Dense(8)(inputs)
    for _ in range(2):
        transform = keras.layers.Dense(8, activation="tanh")(x)
        gate = keras.layers.Dense(8, activation="sigmoid", bias_initializer=keras.initializers.Constant(-1.0))(x)
        x = gate * transform + (1.0 - gate) * x
    pooled = keras.ops.mean(x, axis=-1, keepdims=True)
    features = keras.ops.concatenate([x, pooled], axis=-1)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(features))
    weights(model)
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(WINES, CULTIVARS, epochs=4, batch_size=30, shuffle=False, verbose=0)
    return history.history, model.predict(WINES, verbose=0), model.get_weights()


def average_of_several_models(keras, weights):
    def get_model(units):
        inputs = keras.Input(shape=(30,))
        hidden = keras.layers.Dense(units, activation="elu")(inputs)
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))

    members = [get_model(units) for units in (4, 8, 16)]
    for member in members:
        weights(member)
        member.compile("adam", "binary_crossentropy")
    histories = [
        member.fit(TUMOURS, BENIGN, epochs=2, batch_size=48, shuffle=False, verbose=0).history for member in members
    ]
    inputs = keras.Input(shape=(30,))
    outputs = keras.layers.average([member(inputs) for member in members])
    ensemble_model = keras.Model(inputs=inputs, outputs=outputs)
    ensemble_model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    by_hand = np.mean([member.predict(TUMOURS, verbose=0) for member in members], axis=0)
    figures = ensemble_model.evaluate(TUMOURS, BENIGN, verbose=0)
    return histories, by_hand, ensemble_model.predict(TUMOURS, verbose=0), figures, len(ensemble_model.layers)
