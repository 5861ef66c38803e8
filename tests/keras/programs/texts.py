"""Networks of texts: rows of word ids, most of them padded."""

import numpy as np

VOCABULARY, LONGEST = 40, 12


def _reviews(rows):
    """Return reviews as lists of ids of 3 to 14 words; ids above 30 praise, ids of 20 to 29 blame."""
    rng = np.random.default_rng(11)
    reviews = [rng.integers(3, VOCABULARY, rng.integers(3, 15)).tolist() for _ in range(rows)]
    labels = [sum((w >= 30) - (20 <= w < 30) for w in review) > 0 for review in reviews]
    return reviews, np.array(labels).astype("int64")


REVIEWS, PRAISE = _reviews(96)
PADDED = np.array([(review[-LONGEST:] + [0] * LONGEST)[:LONGEST] for review in REVIEWS])  # zeros behind the words
RNG = np.random.default_rng(12)


def reviews_in_an_lstm(keras, weights):
    max_features, maxlen = VOCABULARY, LONGEST
    x = keras.utils.pad_sequences(REVIEWS, maxlen=maxlen)
    model = keras.models.Sequential()
    model.add(keras.layers.Embedding(max_features, 16))
    model.add(keras.layers.LSTM(16, dropout=0.0, recurrent_dropout=0.0))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.build((None, maxlen))
    weights(model)
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(
        x[:72], PRAISE[:72], batch_size=24, epochs=3, validation_data=(x[72:], PRAISE[72:]), shuffle=False, verbose=0
    )
    score, acc = model.evaluate(x[72:], PRAISE[72:], batch_size=24, verbose=0)
    shapes = [tuple(w.shape) for w in model.weights]
    return history.history, score, acc, shapes, [w.name for w in model.weights], model.count_params()


def reviews_in_two_directions(keras, weights):
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, 12)(inputs)
    x = keras.layers.Bidirectional(keras.layers.LSTM(8, return_sequences=True))(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(8))(x)
    outputs = keras.layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs, outputs)
    weights(model)
    x = keras.utils.pad_sequences(REVIEWS, maxlen=LONGEST)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x[:64], PRAISE[:64], batch_size=32, epochs=2, validation_data=(x[64:], PRAISE[64:]), verbose=0, shuffle=False
    )
    shapes = [[str(n) for n in layer.output.shape] for layer in model.layers]
    return history.history, model.predict(x[:5, :7], verbose=0), shapes, [layer.name for layer in model.layers]


def masked_reviews_in_a_bidirectional_lstm(keras, weights):
    layers = keras.layers
    inputs = keras.Input(shape=(None,), dtype="int64")
    embedded = layers.Embedding(input_dim=VOCABULARY, output_dim=12, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(8))(embedded)
    x = layers.Dropout(0.0)(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs, outputs)
    weights(model)
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    callbacks = [keras.callbacks.ModelCheckpoint("lstm_with_masking.keras", save_best_only=True)]
    history = model.fit(
        PADDED[:64],
        PRAISE[:64],
        validation_data=(PADDED[64:], PRAISE[64:]),
        epochs=3,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    best = keras.models.load_model("lstm_with_masking.keras")
    return history.history, best.evaluate(PADDED[64:], PRAISE[64:], verbose=0), best.predict(PADDED[:4], verbose=0)


def reviews_under_convolutions(keras, weights):
    inputs = keras.Input(shape=(LONGEST,), dtype="int64")
    x = keras.layers.Embedding(VOCABULARY, 10)(inputs)
    x = keras.layers.Dropout(0.0)(x)
    x = keras.layers.Conv1D(16, 4, padding="valid", activation="relu", strides=2)(x)
    x = keras.layers.Conv1D(16, 3, padding="same", activation="relu")(x)
    x = keras.layers.GlobalMaxPooling1D()(x)
    x = keras.layers.Dense(16, activation="relu")(x)
    predictions = keras.layers.Dense(1, activation="sigmoid", name="predictions")(x)
    model = keras.Model(inputs, predictions)
    weights(model)
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(PADDED, PRAISE, validation_split=0.25, epochs=4, shuffle=False, verbose=0)
    return history.history, model.predict(PADDED, verbose=0), str(model.input.dtype), str(model.output.dtype)


def bag_of_embeddings_with_own_vectors(keras, weights):
    glove = np.random.default_rng(3).normal(0, 0.3, (VOCABULARY, 8)).astype("float32")
    embedding_layer = keras.layers.Embedding(
        VOCABULARY, 8, embeddings_initializer=keras.initializers.Constant(glove), trainable=False, mask_zero=True
    )
    model = keras.Sequential([keras.Input((LONGEST,), dtype="int32"), embedding_layer])
    model.add(keras.layers.GlobalAveragePooling1D())
    model.add(keras.layers.Dense(8, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=["acc"])
    frozen = model.fit(PADDED, PRAISE, epochs=3, batch_size=16, shuffle=False, verbose=0)
    embedding_layer.trainable = True
    model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["acc"])
    tuned = model.fit(PADDED, PRAISE, epochs=2, batch_size=16, shuffle=False, verbose=0)
    return frozen.history, tuned.history, embedding_layer.get_weights(), model.predict(PADDED[:6], verbose=0)


TAGS = np.where(PADDED >= 30, 2, np.where(PADDED % 2 == 0, 1, 0))


def tags_at_every_step(keras, weights):
    model = keras.Sequential()
    model.add(keras.layers.InputLayer(shape=(LONGEST,)))
    model.add(keras.layers.Embedding(input_dim=VOCABULARY, output_dim=10, mask_zero=True))
    model.add(keras.layers.Bidirectional(keras.layers.LSTM(8, return_sequences=True), merge_mode="sum"))
    model.add(keras.layers.TimeDistributed(keras.layers.Dense(3, activation="softmax")))
    weights(model)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    rare = np.where(TAGS == 2, 2.0, 1.0) * (PADDED != 0)
    history = model.fit(PADDED, TAGS, batch_size=24, epochs=4, shuffle=False, verbose=0)
    weighted = model.fit(PADDED, TAGS, batch_size=24, epochs=2, sample_weight=rare, shuffle=False, verbose=0)
    padded = PADDED[..., None] == 0
    return history.history, weighted.history, np.where(padded, 0, model.predict(PADDED, verbose=0))


def tickets_of_texts_and_numbers(keras, weights):
    layers = keras.layers
    num_tags, num_words, num_departments = 5, VOCABULARY, 4
    title_input = keras.Input(shape=(None,), name="title")
    body_input = keras.Input(shape=(None,), name="body")
    tags_input = keras.Input(shape=(num_tags,), name="tags")
    title_features = layers.Embedding(num_words, 8)(title_input)
    body_features = layers.Embedding(num_words, 8)(body_input)
    title_features = layers.LSTM(12)(title_features)
    body_features = layers.LSTM(6)(body_features)
    x = layers.concatenate([title_features, body_features, tags_input])
    priority_pred = layers.Dense(1, name="priority")(x)
    department_pred = layers.Dense(num_departments, name="department")(x)
    model = keras.Model(
        inputs=[title_input, body_input, tags_input], outputs={"priority": priority_pred, "department": department_pred}
    )
    weights(model)
    model.compile(
        optimizer=keras.optimizers.RMSprop(1e-3),
        loss={
            "priority": keras.losses.BinaryCrossentropy(from_logits=True),
            "department": keras.losses.CategoricalCrossentropy(from_logits=True),
        },
        loss_weights={"priority": 1.0, "department": 0.2},
    )
    rng = np.random.default_rng(0)
    title_data, body_data = rng.integers(num_words, size=(64, 10)), rng.integers(num_words, size=(64, 20))
    tags_data = rng.integers(2, size=(64, num_tags)).astype("float32")
    targets = {"priority": rng.random((64, 1)), "department": np.eye(4)[rng.integers(4, size=64)]}
    history = model.fit(
        {"title": title_data, "body": body_data, "tags": tags_data},
        targets,
        epochs=2,
        batch_size=32,
        shuffle=False,
        verbose=0,
    )
    found = model.predict([title_data[:5], body_data[:5], tags_data[:5]], verbose=0)
    return history.history, found, [layer.name for layer in model.layers]


SENTENCES = [
    "the film was a joy from start to end",
    "a dull film and a waste of an evening",
    "what a joy",
    "dull from start to end",
    "the evening was a joy and the film was short",
    "a waste",
] * 8


def sentences_by_a_word_index(keras, weights):
    words = sorted({word for sentence in SENTENCES for word in sentence.split()})
    word_index = {word: number + 1 for number, word in enumerate(words)}
    sequences = [[word_index[word] for word in sentence.split()] for sentence in SENTENCES]
    ids = keras.utils.pad_sequences(sequences, maxlen=8, padding="post", truncating="post")
    labels = np.array([1, 0, 1, 0, 1, 0] * 8)
    model = keras.Sequential(
        [
            keras.layers.Embedding(len(word_index) + 1, 6, mask_zero=True),
            keras.layers.GRU(8, return_sequences=True),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1),
        ]
    )
    model.build((None, 8))
    weights(model)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    history = model.fit(ids, labels, epochs=4, batch_size=12, shuffle=False, verbose=0)
    return ids, history.history, model.predict(ids[:6], verbose=0)


def masks_of_the_guide(keras, weights):
    raw_inputs = [[7, 9, 11], [5, 3, 2, 9, 38], [8, 1, 12, 36, 21, 16]]
    padded_inputs = keras.utils.pad_sequences(raw_inputs, padding="post")
    embedding = keras.layers.Embedding(input_dim=VOCABULARY, output_dim=6, mask_zero=True)
    masked_output = embedding(padded_inputs)
    mask = embedding.compute_mask(padded_inputs)
    weights(embedding)
    lstm = keras.layers.LSTM(4)
    lstm.build((None, 6, 6))
    weights(lstm)
    by_itself = lstm(embedding(padded_inputs))
    by_hand = lstm(embedding(padded_inputs), mask=mask)
    unmasked = lstm(keras.ops.convert_to_numpy(embedding(padded_inputs)))
    masking = keras.layers.Masking()
    unmasked_embedding = np.tile(np.expand_dims(padded_inputs, axis=-1), [1, 1, 4]).astype("float32")
    masked_embedding = masking(unmasked_embedding)
    inputs = keras.Input(shape=(None,), dtype="int32")
    model = keras.Model(inputs, lstm(embedding(inputs)))
    outputs = [model(padded_inputs), model.predict(padded_inputs, verbose=0), by_itself, by_hand, unmasked]
    masks = [mask, masked_output._keras_mask, masked_embedding._keras_mask]
    as_numpy = keras.ops.convert_to_numpy
    return padded_inputs, [as_numpy(mask).astype(int) for mask in masks], [as_numpy(output) for output in outputs]


TEXT = "the cat sat on the mat and the rat ran to the cat on the mat. " * 3
CHARACTERS = sorted(set(TEXT))


def letters_one_by_one(keras, weights):
    chars, maxlen, step = CHARACTERS, 10, 2
    char_indices = {c: i for i, c in enumerate(chars)}
    starts = range(0, len(TEXT) - maxlen, step)
    x = np.zeros((len(starts), maxlen, len(chars)), dtype="bool")
    y = np.zeros((len(starts), len(chars)), dtype="bool")
    for i, start in enumerate(starts):
        for t, char in enumerate(TEXT[start : start + maxlen]):
            x[i, t, char_indices[char]] = 1
        y[i, char_indices[TEXT[start + maxlen]]] = 1
    model = keras.Sequential(
        [
            keras.Input(shape=(maxlen, len(chars))),
            keras.layers.LSTM(24),
            keras.layers.Dense(len(chars), activation="softmax"),
        ]
    )
    weights(model)
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.RMSprop(learning_rate=0.01))

    def sample(preds, temperature):
        preds = np.log(np.asarray(preds).astype("float64")) / temperature
        exp_preds = np.exp(preds)
        return np.argmax(exp_preds / np.sum(exp_preds))

    generated, losses = [], []
    for _ in range(3):
        losses.append(model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0).history["loss"])
        sentence = TEXT[:maxlen]
        for _ in range(12):
            x_pred = np.zeros((1, maxlen, len(chars)))
            for t, char in enumerate(sentence[-maxlen:]):
                x_pred[0, t, char_indices[char]] = 1.0
            sentence += chars[sample(model.predict(x_pred, verbose=0)[0], 0.5)]
        generated.append(sentence)
    return losses, generated, model.predict(x[:4], verbose=0)
