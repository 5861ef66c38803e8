"""Autoencoders, and models that show what lies inside another."""

import numpy as np

from .tables import CULTIVARS, IMAGES, WINES


def denoising_with_the_decoder_cut_off(keras, weights):
    clean = IMAGES.reshape((len(IMAGES), 64)).astype("float32") / 16.0
    noise = np.random.default_rng(1).normal(0.0, 0.3, clean.shape)
    noisy = np.clip(clean + noise, 0.0, 1.0).astype("float32")
    input_img = keras.Input(shape=(64,))
    encoded = keras.layers.Dense(24, activation="relu")(input_img)
    encoded = keras.layers.Dense(8, activation="relu")(encoded)
    decoded = keras.layers.Dense(24, activation="relu")(encoded)
    decoded = keras.layers.Dense(64, activation="sigmoid")(decoded)
    autoencoder = keras.Model(input_img, decoded)
    encoder = keras.Model(input_img, encoded)
    weights(autoencoder)
    autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
    history = autoencoder.fit(
        noisy, clean, epochs=4, batch_size=32, shuffle=False, validation_data=(noisy[:40], clean[:40]), verbose=0
    )
    encoded_input = keras.Input(shape=(8,))
    decoder = keras.Model(encoded_input, autoencoder.layers[-1](autoencoder.layers[-2](encoded_input)))
    codes = encoder.predict(noisy[:20], verbose=0)
    images = decoder.predict(codes, verbose=0)
    return history.history, codes, images, autoencoder.predict(noisy[:20], verbose=0)


def sparse_codes_by_an_activity_penalty(keras, weights):
    pixels = IMAGES.reshape(-1, 64).astype("float32") / 16.0
    input_img = keras.Input(shape=(64,))
    encoded = keras.layers.Dense(12, activation="relu", activity_regularizer=keras.regularizers.l1(1e-4))(input_img)
    decoded = keras.layers.Dense(64, activation="sigmoid")(encoded)
    autoencoder = keras.Model(input_img, decoded)
    weights(autoencoder)
    autoencoder.compile(optimizer="adam", loss="mse")
    history = autoencoder.fit(pixels, pixels, epochs=3, batch_size=40, shuffle=False, verbose=0)
    return history.history, autoencoder.predict(pixels[:10], verbose=0)


def activations_of_every_layer(keras, weights):
    model = keras.Sequential(
        [
            keras.Input(shape=(13,)),
            keras.layers.Dense(9, name="layer1"),
            keras.layers.LeakyReLU(),
            keras.layers.Dense(7, activation="selu", kernel_initializer="lecun_normal", name="layer2"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    weights(model)
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(WINES, CULTIVARS, epochs=3, shuffle=False, verbose=0)
    extractor = keras.Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers])
    features = extractor.predict(WINES[:12], verbose=0)
    middle = keras.Model(model.inputs, model.get_layer(name="layer2").output)
    called = [keras.ops.convert_to_numpy(y) for y in extractor(WINES[:4])]
    kernel, bias = model.get_layer("head").get_weights()
    by_hand = features[-2] @ kernel + bias
    return history.history, features, called, middle.predict(WINES[:12], verbose=0), by_hand, kernel.shape
