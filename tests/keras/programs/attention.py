"""Networks with attention: transformers, and decoders that look at all steps of an encoder."""

import numpy as np

from .series import WAVES
from .texts import LONGEST, PADDED, PRAISE, VOCABULARY


def positions(keras, ids, length, width):
    """Return the embeddings of the positions of ids (m, length), which are trained."""
    numbers = keras.ops.cumsum(keras.ops.ones_like(ids), axis=1) - 1
    return keras.layers.Embedding(input_dim=length, output_dim=width)(numbers)


def transformer_for_reviews(keras, weights):
    layers, embed_dim, num_heads, ff_dim = keras.layers, 12, 2, 16
    inputs = layers.Input(shape=(LONGEST,))
    x = layers.Embedding(input_dim=VOCABULARY, output_dim=embed_dim)(inputs)
    x = x + positions(keras, inputs, LONGEST, embed_dim)
    attn_output = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)(x, x)
    attn_output = layers.Dropout(0.0)(attn_output)
    out1 = layers.LayerNormalization(epsilon=1e-6)(x + attn_output)
    ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
    ffn_output = layers.Dropout(0.0)(ffn(out1))
    x = layers.LayerNormalization(epsilon=1e-6)(out1 + ffn_output)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(20, activation="relu")(x)
    outputs = layers.Dense(2, activation="softmax")(x)
    model = keras.Model(inputs=inputs, outputs=outputs)
    weights(model)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        PADDED[:64],
        PRAISE[:64],
        batch_size=32,
        epochs=3,
        validation_data=(PADDED[64:], PRAISE[64:]),
        shuffle=False,
        verbose=0,
    )
    return history.history, model.predict(PADDED[:5], verbose=0), model.count_params()


def small_language_model(keras, weights):
    layers, width, steps = keras.layers, 16, LONGEST
    text = np.random.default_rng(4).integers(1, 10, 400)
    text[1::2] = (text[::2] * 3) % 10  # each second id follows from the one before it
    x = np.stack([text[i : i + steps] for i in range(0, 380, 4)])
    y = np.stack([text[i + 1 : i + steps + 1] for i in range(0, 380, 4)])
    inputs = layers.Input(shape=(steps,), dtype="int32")
    h = layers.Embedding(10, width)(inputs)
    h = layers.Add()([h, positions(keras, inputs, steps, width)])
    for block in range(2):
        normed = layers.LayerNormalization(epsilon=1e-5)(h)
        attended = layers.MultiHeadAttention(2, width // 2, name=f"attention_{block}")(
            normed, normed, use_causal_mask=True
        )
        h = layers.Add()([h, attended])
        normed = layers.LayerNormalization(epsilon=1e-5)(h)
        h = layers.Add()([h, layers.Dense(width)(layers.Dense(2 * width, activation="gelu")(normed))])
    outputs = layers.Dense(10)(h)
    model = keras.Model(inputs=inputs, outputs=outputs)
    weights(model)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss=loss_fn, metrics=["sparse_categorical_accuracy"])
    history = model.fit(x, y, batch_size=32, epochs=4, shuffle=False, verbose=0)
    start_tokens, generated = [3, 9, 4], []
    for _ in range(6):
        padded = np.array([(start_tokens + generated + [0] * steps)[:steps]])
        logits = model.predict(padded, verbose=0)[0][len(start_tokens) + len(generated) - 1]
        generated.append(int(np.argmax(logits)))
    return history.history, generated, model.predict(x[:3], verbose=0)


def transformer_for_series(keras, weights):
    layers = keras.layers

    def transformer_encoder(inputs, head_size, num_heads, ff_dim):
        x = layers.MultiHeadAttention(key_dim=head_size, num_heads=num_heads, dropout=0.0)(inputs, inputs)
        x = layers.Dropout(0.0)(x)
        x = layers.LayerNormalization(epsilon=1e-6)(x)
        res = x + inputs
        x = layers.Conv1D(filters=ff_dim, kernel_size=1, activation="relu")(res)
        x = layers.Dropout(0.0)(x)
        x = layers.Conv1D(filters=inputs.shape[-1], kernel_size=1)(x)
        x = layers.LayerNormalization(epsilon=1e-6)(x)
        return x + res

    inputs = keras.Input(shape=(20, 1))
    x = inputs
    for _ in range(2):
        x = transformer_encoder(x, 8, 2, 4)
    x = layers.GlobalAveragePooling1D(data_format="channels_last")(x)
    for dim in [16]:
        x = layers.Dense(dim, activation="relu")(x)
    outputs = layers.Dense(2, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    weights(model)
    rising = (WAVES[:, 20, 0] > WAVES[:, 19, 0]).astype("int64")
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(learning_rate=1e-3),
        metrics=["sparse_categorical_accuracy"],
    )
    history = model.fit(WAVES[:, :20], rising, validation_split=0.2, epochs=3, shuffle=False, verbose=0)
    return history.history, model.predict(WAVES[:4, :20], verbose=0), [w.name for w in model.weights]


def query_and_value_of_the_manual(keras, weights):
    query_input = keras.Input(shape=(None,), dtype="int32")
    value_input = keras.Input(shape=(None,), dtype="int32")
    token_embedding = keras.layers.Embedding(input_dim=VOCABULARY, output_dim=10)
    query_embeddings, value_embeddings = token_embedding(query_input), token_embedding(value_input)
    cnn_layer = keras.layers.Conv1D(filters=12, kernel_size=4, padding="same")
    query_seq_encoding, value_seq_encoding = cnn_layer(query_embeddings), cnn_layer(value_embeddings)
    query_value_attention_seq = keras.layers.Attention(use_scale=True)([query_seq_encoding, value_seq_encoding])
    query_encoding = keras.layers.GlobalAveragePooling1D()(query_seq_encoding)
    query_value_attention = keras.layers.GlobalAveragePooling1D()(query_value_attention_seq)
    input_layer = keras.layers.Concatenate()([query_encoding, query_value_attention])
    model = keras.Model([query_input, value_input], keras.layers.Dense(1, activation="sigmoid")(input_layer))
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    pair = [PADDED[:, :8], PADDED[:, 4:]]
    history = model.fit(pair, PRAISE, epochs=3, batch_size=24, shuffle=False, verbose=0)
    return history.history, model.predict([pair[0][:5], pair[1][:5, :6]], verbose=0), model.count_params()


def attention_over_the_outputs_of_an_encoder(keras, weights):
    layers = keras.layers
    source = keras.Input((LONGEST,), dtype="int32", name="source")
    target = keras.Input((6,), dtype="int32", name="target")
    encoded, h, c = layers.LSTM(10, return_sequences=True, return_state=True, name="encoder")(
        layers.Embedding(VOCABULARY, 8, mask_zero=True)(source)
    )
    embedded = layers.Embedding(VOCABULARY, 8)(target)
    decoded = layers.LSTM(10, return_sequences=True, name="decoder")(embedded, initial_state=[h, c])
    context, scores = layers.AdditiveAttention(name="attention")([decoded, encoded], return_attention_scores=True)
    joined = layers.Concatenate(axis=-1)([decoded, context])
    words = layers.TimeDistributed(layers.Dense(VOCABULARY, activation="softmax"))(joined)
    model = keras.Model([source, target], words)
    weights(model)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    first = np.concatenate([np.full((len(PADDED), 1), 1), PADDED[:, :5]], axis=1)
    history = model.fit([PADDED, first], PADDED[:, :6], batch_size=24, epochs=3, shuffle=False, verbose=0)
    maps = keras.Model([source, target], scores)
    return history.history, maps.predict([PADDED[:3], first[:3]], verbose=0), model.predict([PADDED, first], verbose=0)


def encoder_and_decoder_of_a_transformer(keras, weights):
    layers, width = keras.layers, 12

    def feed_forward(x):
        return layers.LayerNormalization()(x + layers.Dense(width)(layers.Dense(24, activation="relu")(x)))

    encoder_inputs = keras.Input(shape=(LONGEST,), dtype="int64", name="encoder_inputs")
    x = layers.Embedding(VOCABULARY, width)(encoder_inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(num_heads=3, key_dim=4)(query=x, value=x, key=x))
    encoded = feed_forward(x)

    decoder_inputs = keras.Input(shape=(6,), dtype="int64", name="decoder_inputs")
    padding_mask = keras.Input(shape=(6, LONGEST), dtype="int32", name="padding_mask")
    x = layers.Embedding(VOCABULARY, width)(decoder_inputs)
    self_attention = layers.MultiHeadAttention(num_heads=3, key_dim=4, use_bias=False)
    x = layers.LayerNormalization()(x + self_attention(query=x, value=x, key=x, use_causal_mask=True))
    cross_attention = layers.MultiHeadAttention(num_heads=2, key_dim=5, value_dim=6)
    attended, scores = cross_attention(x, encoded, attention_mask=padding_mask, return_attention_scores=True)
    x = feed_forward(layers.LayerNormalization()(x + attended))
    outputs = layers.Dense(VOCABULARY, activation="softmax", name="words")(x)
    transformer = keras.Model([encoder_inputs, decoder_inputs, padding_mask], outputs, name="transformer")
    weights(transformer)
    transformer.compile(
        "rmsprop", loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=0), metrics=["accuracy"]
    )
    seen = np.repeat((PADDED != 0)[:, None], 6, axis=1).astype("int32")
    data = {"encoder_inputs": PADDED, "decoder_inputs": PADDED[:, :6], "padding_mask": seen}
    history = transformer.fit(data, PADDED[:, 1:7], epochs=3, batch_size=32, shuffle=False, verbose=0)
    maps = keras.Model(transformer.inputs, scores).predict(data, verbose=0)
    return history.history, maps[:3], transformer.predict(data, verbose=0), transformer.count_params()


def reviews_attended_with_their_masks(keras, weights):
    layers = keras.layers
    inputs = keras.Input((LONGEST,), dtype="int32")
    x = layers.Embedding(VOCABULARY, 8, mask_zero=True)(inputs)
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.LayerNormalization()(x)
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    weights(model)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(PADDED, PRAISE, epochs=3, batch_size=24, shuffle=False, verbose=0)
    model.save("attention.keras")
    again = keras.models.load_model("attention.keras")
    mask = np.array(PADDED != 0)
    seen = layers.Attention()([np.eye(LONGEST)[None].repeat(4, 0)] * 2, mask=[mask[:4], mask[:4]])
    return history.history, again.predict(PADDED[:6], verbose=0), np.array(seen)


def attention_of_dot_products(keras, weights):
    layers = keras.layers
    encoder_input, decoder_input = layers.Input(shape=(LONGEST,)), layers.Input(shape=(6,))
    encoder = layers.Embedding(VOCABULARY, 8)(encoder_input)
    encoder = layers.LSTM(10, return_sequences=True, unroll=True)(encoder)
    encoder_last = encoder[:, -1, :]
    decoder = layers.Embedding(VOCABULARY, 8)(decoder_input)
    decoder = layers.LSTM(10, return_sequences=True, unroll=True)(decoder, initial_state=[encoder_last, encoder_last])
    attention = layers.dot([decoder, encoder], axes=[2, 2])
    attention = layers.Activation("softmax", name="attention")(attention)
    context = layers.dot([attention, encoder], axes=[2, 1])
    combined = layers.concatenate([context, decoder])
    output = layers.TimeDistributed(layers.Dense(12, activation="tanh"))(combined)
    output = layers.TimeDistributed(layers.Dense(VOCABULARY, activation="softmax"))(output)
    model = keras.Model(inputs=[encoder_input, decoder_input], outputs=[output])
    weights(model)
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    first = np.concatenate([np.full((len(PADDED), 1), 1), PADDED[:, :5]], axis=1)
    wanted = keras.utils.to_categorical(PADDED[:, :6], VOCABULARY)
    history = model.fit([PADDED, first], [wanted], epochs=3, batch_size=24, shuffle=False, verbose=0)
    maps = keras.Model(model.inputs, model.get_layer("attention").output)
    return history.history, maps.predict([PADDED[:4], first[:4]], verbose=0), [layer.name for layer in model.layers]
