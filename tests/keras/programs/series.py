"""Recurrent networks of numbers: forecasts, sums of digits, states from batch to batch, films."""

import numpy as np

T = np.arange(320, dtype="float32")
SERIES = np.stack([np.sin(0.2 * T), np.cos(0.11 * T) + 0.1 * np.sin(T), 0.01 * (T % 24)], axis=1)


def _waves(rows, steps):
    """Return series (rows, steps, 1), each of two waves and a little noise."""
    rng = np.random.default_rng(42)
    freq1, freq2, offsets1, offsets2 = rng.random((4, rows, 1))
    time = np.linspace(0, 1, steps)
    series = 0.5 * np.sin((time - offsets1) * (freq1 * 10 + 10)) + 0.2 * np.sin((time - offsets2) * (freq2 * 20 + 20))
    return (series + 0.1 * (rng.random((rows, steps)) - 0.5))[..., np.newaxis].astype(np.float32)


WAVES = _waves(100, 30)


def temperatures_in_stacked_grus(keras, weights):
    class Windows(keras.utils.PyDataset):
        def __init__(self, start, end):
            super().__init__(workers=1)
            self.starts, self.end = np.arange(start, end - 20), end

        def __len__(self):
            return -(-len(self.starts) // 32)

        def __getitem__(self, index):
            starts = self.starts[32 * index : 32 * index + 32]
            return np.stack([SERIES[start : start + 16] for start in starts]), SERIES[starts + 20, 1]

    inputs = keras.Input(shape=(16, SERIES.shape[-1]))
    x = keras.layers.GRU(10, recurrent_dropout=0.0, return_sequences=True)(inputs)
    x = keras.layers.GRU(10, recurrent_dropout=0.0)(x)
    x = keras.layers.Dropout(0.0)(x)
    outputs = keras.layers.Dense(1)(x)
    model = keras.Model(inputs, outputs)
    weights(model)
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    history = model.fit(Windows(0, 220), epochs=3, validation_data=Windows(220, 320), shuffle=False, verbose=0)
    return history.history, model.evaluate(Windows(200, 300), verbose=0), model.predict(Windows(220, 320), verbose=0)


def ten_steps_ahead_at_every_step(keras, weights):
    def last_time_step_mse(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true[:, -1] - y_pred[:, -1]))

    y = np.stack([WAVES[:, step : step + 20, 0] for step in range(1, 11)], axis=-1)
    model = keras.models.Sequential(
        [
            keras.layers.InputLayer(shape=[None, 1]),
            keras.layers.SimpleRNN(12, return_sequences=True),
            keras.layers.SimpleRNN(12, return_sequences=True),
            keras.layers.TimeDistributed(keras.layers.Dense(10)),
        ]
    )
    weights(model)
    optimizer = keras.optimizers.Adam(learning_rate=0.01)
    model.compile(loss="mse", optimizer=optimizer, metrics=[last_time_step_mse])
    history = model.fit(
        WAVES[:70, :20], y[:70], epochs=3, validation_data=(WAVES[70:, :20], y[70:]), shuffle=False, verbose=0
    )
    return history.history, model.predict(WAVES[:3, :20], verbose=0), model.predict(WAVES[:3, :26], verbose=0)


def one_step_after_the_other(keras, weights):
    model = keras.Sequential(
        [
            keras.layers.SimpleRNN(10, return_sequences=True, input_shape=[20, 1]),
            keras.layers.SimpleRNN(10, activation="relu", bias_initializer="ones"),
            keras.layers.Dense(1),
        ]
    )
    weights(model)
    model.compile(loss="mse", optimizer="adam")
    history = model.fit(WAVES[:70, :20], WAVES[:70, 20], epochs=3, shuffle=False, verbose=0)
    x = WAVES[70:75, :20]
    for step_ahead in range(10):
        y_pred_one = model.predict(x[:, step_ahead:], verbose=0)[:, np.newaxis, :]
        x = np.concatenate([x, y_pred_one], axis=1)
    return history.history, x[:, 20:], model.count_params()


def _sums(rows):
    """Return sums of two numbers below 100 as text, and their results: "17+5  " and "22 "."""
    pairs = np.random.default_rng(5).integers(0, 100, (rows, 2))
    return [f"{a}+{b}".ljust(5) for a, b in pairs], [str(a + b).ljust(3) for a, b in pairs]


QUESTIONS, ANSWERS = _sums(128)
DIGITS = "0123456789+ "


def _one_hot(texts):
    return np.array([[[char == c for c in DIGITS] for char in text] for text in texts]).astype("float32")


def sums_read_and_written(keras, weights):
    model = keras.Sequential()
    model.add(keras.layers.Input((5, len(DIGITS))))
    model.add(keras.layers.LSTM(20))
    model.add(keras.layers.RepeatVector(3))
    for _ in range(2):
        model.add(keras.layers.LSTM(20, return_sequences=True))
    model.add(keras.layers.Dense(len(DIGITS), activation="softmax"))
    weights(model)
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    x, y = _one_hot(QUESTIONS), _one_hot(ANSWERS)
    histories = [
        model.fit(x[:96], y[:96], batch_size=32, epochs=2, validation_data=(x[96:], y[96:]), shuffle=False, verbose=0)
        for _ in range(2)
    ]
    return [history.history for history in histories], model.predict(x[:9], verbose=0)


def sums_translated_by_states(keras, weights):
    num_tokens, latent_dim = len(DIGITS) + 1, 16  # the last one begins each answer
    answers = np.pad(_one_hot(ANSWERS), [(0, 0), (0, 0), (0, 1)])
    begin = np.zeros((len(answers), 1, num_tokens), "float32")
    begin[..., -1] = 1
    given = np.concatenate([begin, answers[:, :-1]], axis=1)

    encoder_inputs = keras.Input(shape=(None, len(DIGITS)))
    encoder = keras.layers.LSTM(latent_dim, return_state=True)
    _, state_h, state_c = encoder(encoder_inputs)
    encoder_states = [state_h, state_c]
    decoder_inputs = keras.Input(shape=(None, num_tokens))
    decoder_lstm = keras.layers.LSTM(latent_dim, return_sequences=True, return_state=True)
    decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
    decoder_dense = keras.layers.Dense(num_tokens, activation="softmax")
    decoder_outputs = decoder_dense(decoder_outputs)
    model = keras.Model([encoder_inputs, decoder_inputs], decoder_outputs)
    weights(model)
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        [_one_hot(QUESTIONS), given], answers, batch_size=32, epochs=3, validation_split=0.2, shuffle=False, verbose=0
    )

    encoder_model = keras.Model(encoder_inputs, encoder_states)
    decoder_state_input_h = keras.Input(shape=(latent_dim,))
    decoder_state_input_c = keras.Input(shape=(latent_dim,))
    decoder_states_inputs = [decoder_state_input_h, decoder_state_input_c]
    decoder_outputs, state_h, state_c = decoder_lstm(decoder_inputs, initial_state=decoder_states_inputs)
    decoder_outputs = decoder_dense(decoder_outputs)
    decoder_model = keras.Model([decoder_inputs] + decoder_states_inputs, [decoder_outputs, state_h, state_c])

    states_value, decoded = encoder_model.predict(_one_hot(QUESTIONS[:1]), verbose=0), []
    target_seq = begin[:1]
    for _ in range(3):
        output_tokens, h, c = decoder_model.predict([target_seq] + list(states_value), verbose=0)
        decoded.append(output_tokens)
        target_seq = np.eye(num_tokens, dtype="float32")[[[np.argmax(output_tokens[0, -1, :])]]]
        states_value = [h, c]
    return history.history, decoded, states_value, model.count_params(), [layer.name for layer in model.layers]


def series_longer_than_a_batch(keras, weights):
    batch_size, n_steps = 4, 8
    windows = SERIES[:256].reshape(batch_size, 64, 3)
    model = keras.Sequential()
    model.add(keras.layers.Input(batch_shape=(batch_size, n_steps, 3)))
    model.add(keras.layers.LSTM(10, stateful=True, return_sequences=True, use_cudnn=False))
    model.add(keras.layers.GRU(10, stateful=True, use_cudnn=False))
    model.add(keras.layers.Dense(1))
    weights(model)
    model.compile(loss="mean_squared_error", optimizer="adam")
    losses, predictions = [], []
    for _ in range(3):
        for start in range(0, 56, n_steps):
            x, y = windows[:, start : start + n_steps], windows[:, start + n_steps, 1]
            history = model.fit(x, y, epochs=1, batch_size=batch_size, verbose=0, shuffle=False)
            losses.append(history.history["loss"])
        for layer in model.layers[:2]:
            layer.reset_states()
    for start in range(0, 24, n_steps):
        predictions.append(model.predict(windows[:, start : start + n_steps], batch_size=batch_size, verbose=0))
    return losses, predictions


def visits_of_different_lengths(keras, weights):
    lengths = np.random.default_rng(8).integers(4, 30, len(WAVES))
    x = np.where(np.arange(30)[None, :, None] < lengths[:, None, None], np.concatenate([WAVES, WAVES**2], -1), -10.0)
    last = np.array([series[length - 1, 0] for series, length in zip(x, lengths, strict=True)])
    model = keras.Sequential()
    model.add(keras.layers.Masking(mask_value=-10.0, input_shape=(None, 2)))
    model.add(keras.layers.GRU(8, return_sequences=True, reset_after=False))
    model.add(keras.layers.LSTM(8, unit_forget_bias=False, kernel_regularizer="l2"))
    model.add(keras.layers.Dense(4, activation="relu"))
    model.add(keras.layers.Dense(1))
    weights(model)
    model.compile(optimizer=keras.optimizers.Adam(0.01, clipnorm=1.0), loss="huber", metrics=["mae"])
    history = model.fit(x, last, batch_size=20, epochs=3, validation_split=0.2, shuffle=False, verbose=0)
    longer = np.concatenate([x[:5], np.full((5, 6, 2), -10.0)], axis=1)
    return history.history, model.predict(x[:5], verbose=0), model.predict(longer, verbose=0)


def anomalies_in_a_recurrent_autoencoder(keras, weights):
    x = WAVES[:, :20]
    inputs = keras.Input(shape=(20, 1))
    encoded = keras.layers.LSTM(10, return_sequences=False, name="code")(inputs)
    repeated = keras.layers.RepeatVector(20)(encoded)
    decoded = keras.layers.LSTM(10, return_sequences=True, go_backwards=True)(repeated)
    outputs = keras.layers.TimeDistributed(keras.layers.Dense(1))(decoded)
    model = keras.Model(inputs, outputs)
    weights(model)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.005), loss="mse")
    history = model.fit(x, x[:, ::-1], epochs=3, batch_size=25, validation_split=0.2, shuffle=False, verbose=0)
    errors = np.mean(np.abs(model.predict(x, verbose=0) - x[:, ::-1]), axis=(1, 2))
    encoder = keras.Model(model.inputs, model.get_layer("code").output)
    model.save("autoencoder.keras")
    again = keras.models.load_model("autoencoder.keras")
    return history.history, errors, encoder.predict(x[:4], verbose=0), again.predict(x[:2], verbose=0)


def cells_one_above_the_other(keras, weights):
    cells = [keras.layers.LSTMCell(8), keras.layers.GRUCell(6), keras.layers.SimpleRNNCell(5)]
    inputs = keras.Input((20, 1))
    stacked = keras.layers.RNN(cells, return_sequences=True)(inputs)
    one = keras.layers.RNN(keras.layers.LSTMCell(7))(stacked)
    model = keras.Model(inputs, keras.layers.Dense(1)(one))
    weights(model)
    model.compile("adam", "mse")
    history = model.fit(WAVES[:, :20], WAVES[:, 20], epochs=3, batch_size=25, shuffle=False, verbose=0)
    return history.history, model.predict(WAVES[:4, :20], verbose=0), [tuple(w.shape) for w in model.get_weights()]


def films_frame_by_frame(keras, weights):
    rng = np.random.default_rng(6)
    films = rng.random((40, 5, 8, 8, 1)).astype("float32")
    moves = (films[:, -1].mean(axis=(1, 2, 3)) > films[:, 0].mean(axis=(1, 2, 3))).astype("float32")
    frame = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
        ]
    )
    video = keras.Input(shape=(5, 8, 8, 1))
    x = keras.layers.TimeDistributed(frame)(video)
    x = keras.layers.TimeDistributed(keras.layers.LayerNormalization())(x)
    x = keras.layers.Bidirectional(
        keras.layers.GRU(6, return_sequences=True),
        backward_layer=keras.layers.LSTM(6, return_sequences=True, go_backwards=True),
    )(x)
    x = keras.layers.Bidirectional(keras.layers.SimpleRNN(5), merge_mode="ave")(x)
    model = keras.Model(video, keras.layers.Dense(1, activation="sigmoid")(x))
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(films, moves, epochs=3, batch_size=20, shuffle=False, verbose=0)
    return history.history, model.predict(films[:5], verbose=0), model.count_params(), len(model.trainable_weights)
