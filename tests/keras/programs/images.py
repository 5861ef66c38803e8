"""Convolutional networks of images and sequences."""

import numpy as np

from .tables import DIGITS, IMAGES

PIXELS = IMAGES[..., None].astype("float32") / 16.0
LARGE = PIXELS.repeat(2, axis=1).repeat(2, axis=2)  # (240, 16, 16, 1)
COLOURS = np.concatenate([LARGE, 1 - LARGE, LARGE**2], axis=-1)


def digits_in_the_first_convolutional_network(keras, weights):
    layers, models = keras.layers, keras.models
    model = models.Sequential()
    model.add(layers.Rescaling(1.0 / 255, input_shape=(16, 16, 1)))
    model.add(layers.Conv2D(8, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(16, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    weights(model)
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    images, labels = (LARGE * 255).astype("uint8"), keras.utils.to_categorical(DIGITS, 10)
    history = model.fit(images[:200], labels[:200], epochs=3, batch_size=32, shuffle=False, verbose=0)
    shapes = [list(layer.output.shape)[1:] for layer in model.layers]
    return history.history, model.evaluate(images[200:], labels[200:], verbose=0), shapes, model.count_params()


def lenet_of_1998(keras, weights):
    model = keras.Sequential(
        [
            keras.Input(shape=(16, 16, 1)),
            keras.layers.Conv2D(6, kernel_size=5, strides=1, activation="tanh", padding="same"),
            keras.layers.AveragePooling2D(pool_size=2, strides=2, padding="valid"),
            keras.layers.Conv2D(16, kernel_size=5, strides=1, activation="tanh", padding="valid"),
            keras.layers.AveragePooling2D(pool_size=2, strides=2, padding="valid"),
            keras.layers.Flatten(),
            keras.layers.Dense(84, activation="tanh"),
            keras.layers.Dense(10, activation="softmax"),
        ],
        name="lenet",
    )
    weights(model)
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(),
        optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
        metrics=["accuracy"],
    )
    history = model.fit(
        LARGE[:200], DIGITS[:200], epochs=3, validation_data=(LARGE[200:], DIGITS[200:]), shuffle=False, verbose=0
    )
    names = [layer.name for layer in model.layers]
    return history.history, model.predict(LARGE[200:], verbose=0), names, [w.shape for w in model.layers[0].weights]


def blocks_of_vgg_with_batch_normalization(keras, weights):
    from_logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = keras.Sequential([keras.Input(shape=(16, 16, 3))])
    for filters in (4, 8):
        for _ in range(2):
            model.add(
                keras.layers.Conv2D(
                    filters,
                    3,
                    padding="same",
                    use_bias=False,
                    kernel_initializer="he_uniform",
                    kernel_regularizer=keras.regularizers.l2(5e-4),
                )
            )
            model.add(keras.layers.BatchNormalization())
            model.add(keras.layers.Activation("relu"))
        model.add(keras.layers.MaxPooling2D(2))
        model.add(keras.layers.Dropout(0.0))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(10))
    weights(model)
    model.compile(keras.optimizers.Adam(1e-3), from_logits, metrics=["accuracy"])
    history = model.fit(COLOURS, DIGITS, batch_size=40, epochs=2, validation_split=0.25, shuffle=False, verbose=0)
    return history.history, model.predict(COLOURS[:20], verbose=0), model.layers[1].get_weights()


def residual_network_of_the_functional_guide(keras, weights):
    layers = keras.layers
    inputs = keras.Input(shape=(16, 16, 3), name="img")
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    block_1_output = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(block_1_output)
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
    block_2_output = layers.add([x, block_1_output])
    x = layers.Conv2D(12, 3, activation="relu", padding="same", strides=2)(block_2_output)
    shortcut = layers.Conv2D(12, 1, strides=2)(block_2_output)
    block_3_output = layers.Add()([x, shortcut])
    x = layers.Conv2D(12, 3, activation="relu")(block_3_output)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(16, activation="relu")(x)
    outputs = layers.Dense(10)(x)
    model = keras.Model(inputs, outputs, name="toy_resnet")
    weights(model)
    model.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["acc"],
    )
    labels = keras.utils.to_categorical(DIGITS, 10)
    history = model.fit(COLOURS, labels, batch_size=64, epochs=3, validation_split=0.2, shuffle=False, verbose=0)
    features = keras.Model(model.input, block_3_output)
    return history.history, features.predict(COLOURS[:5], verbose=0), [layer.name for layer in model.layers]


def branches_of_inception(keras, weights):
    def inception(x, one, three, five, pooled):
        towers = [
            keras.layers.Conv2D(one, 1, padding="same", activation="relu")(x),
            keras.layers.Conv2D(three[1], 3, padding="same", activation="relu")(
                keras.layers.Conv2D(three[0], 1, activation="relu")(x)
            ),
            keras.layers.Conv2D(five[1], (5, 5), padding="same", activation="relu")(
                keras.layers.Conv2D(five[0], 1, activation="relu")(x)
            ),
            keras.layers.Conv2D(pooled, 1, activation="relu")(
                keras.layers.MaxPooling2D((3, 3), strides=(1, 1), padding="same")(x)
            ),
        ]
        return keras.layers.concatenate(towers, axis=3)

    images = keras.Input((8, 8, 1))
    x = inception(images, 2, (3, 4), (1, 2), 2)
    x = keras.layers.MaxPool2D(3, strides=2, padding="same")(x)
    x = inception(x, 4, (2, 4), (2, 2), 2)
    x = keras.layers.GlobalAvgPool2D(name="pool")(x)
    auxiliary = keras.layers.Dense(1, name="large")(x)
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(x)
    model = keras.Model(images, [digit, auxiliary])
    weights(model)
    model.compile(
        optimizer="adam",
        loss={"digit": "sparse_categorical_crossentropy", "large": keras.losses.BinaryCrossentropy(from_logits=True)},
        loss_weights={"digit": 1.0, "large": 0.3},
    )
    targets = {"digit": DIGITS, "large": (DIGITS > 4).astype("float32")}
    history = model.fit(PIXELS, targets, epochs=3, batch_size=48, shuffle=False, verbose=0)
    return history.history, model.predict(PIXELS[:9], verbose=0), model.count_params()


NOISY = np.clip(PIXELS + np.random.default_rng(2).normal(0, 0.3, PIXELS.shape), 0, 1).astype("float32")


def layers_of_an_autoencoder(layers):
    image = layers.Input(shape=(8, 8, 1))
    x = layers.Conv2D(8, (3, 3), activation="relu", padding="same")(image)
    x = layers.MaxPooling2D((2, 2), padding="same")(x)
    x = layers.Conv2D(8, (3, 3), activation="relu", padding="same")(x)
    encoded = layers.MaxPooling2D((2, 2), padding="same", name="encoded")(x)
    x = layers.Conv2DTranspose(8, (3, 3), strides=2, activation="relu", padding="same")(encoded)
    x = layers.UpSampling2D((2, 2))(x)
    return image, layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same")(x)


def convolutional_autoencoder_of_flat_images(keras, weights):
    image, decoded = layers_of_an_autoencoder(keras.layers)
    autoencoder = keras.Model(image, keras.layers.Flatten()(decoded))
    weights(autoencoder)
    autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
    clean = PIXELS.reshape(-1, 64)
    history = autoencoder.fit(
        x=NOISY, y=clean, epochs=3, batch_size=60, shuffle=False, validation_data=(NOISY, clean), verbose=0
    )
    encoder = keras.Model(autoencoder.input, autoencoder.get_layer("encoded").output)
    images = keras.Model(image, decoded).predict(NOISY[:6], verbose=0)
    return history.history, encoder.predict(NOISY[:6], verbose=0), images


def convolutional_autoencoder_of_images(keras, weights):
    autoencoder = keras.Model(*layers_of_an_autoencoder(keras.layers))
    weights(autoencoder)
    autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
    return autoencoder.fit(NOISY, PIXELS, epochs=3, shuffle=False, verbose=0).history


def depthwise_separable_blocks_of_mobilenet(keras, weights):
    def depthwise_block(x, filters, strides):
        if strides == 2:
            x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        padding = "same" if strides == 1 else "valid"
        x = keras.layers.DepthwiseConv2D(3, padding=padding, strides=strides, use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU(6.0)(x)
        x = keras.layers.Conv2D(filters, 1, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        return keras.layers.ReLU(6.0)(x)

    inputs = keras.layers.Input(shape=(16, 16, 3))
    x = keras.layers.SeparableConv2D(6, 3, strides=2, padding="same", activation="relu")(inputs)
    x = depthwise_block(x, 8, 1)
    x = depthwise_block(x, 12, 2)
    x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = keras.layers.Dropout(0.0)(x)
    x = keras.layers.Conv2D(10, (1, 1), padding="same", name="conv_preds")(x)
    x = keras.layers.Reshape((10,), name="reshape_2")(x)
    model = keras.Model(inputs, keras.layers.Activation("softmax")(x), name="mobilenet")
    weights(model)
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(COLOURS, DIGITS, epochs=3, batch_size=40, shuffle=False, verbose=0)
    model.save("mobilenet.keras")
    again = keras.models.load_model("mobilenet.keras")
    return history.history, again.predict(COLOURS[:10], verbose=0), [w.shape for w in again.get_weights()]


def series_in_a_causal_convolutional_network(keras, weights):
    t = np.arange(400, dtype="float32")
    series = np.sin(0.1 * t) + 0.3 * np.cos(0.37 * t)
    windows = np.stack([series[i : i + 24] for i in range(360)])[..., None]
    following = series[24:384]
    model = keras.models.Sequential([keras.layers.InputLayer(shape=(24, 1))])
    for rate in (1, 2, 4):
        model.add(
            keras.layers.Conv1D(filters=6, kernel_size=2, padding="causal", activation="relu", dilation_rate=rate)
        )
    model.add(keras.layers.Conv1D(4, 3, strides=2, groups=2))
    model.add(keras.layers.MaxPooling1D(2))
    model.add(keras.layers.AveragePooling1D(2, strides=1))
    model.add(keras.layers.GlobalMaxPooling1D())
    model.add(keras.layers.Dense(1))
    weights(model)
    model.compile(loss=keras.losses.Huber(), optimizer="adam", metrics=["mae"])
    history = model.fit(windows, following, epochs=3, batch_size=36, shuffle=False, verbose=0)
    return history.history, model.predict(windows[:10], verbose=0), [list(w.shape) for w in model.trainable_weights]


def fully_convolutional_network(keras, weights):
    model = keras.Sequential(
        [
            keras.layers.Conv2D(12, 3, activation="elu", padding="same", input_shape=(8, 8, 1), name="features"),
            keras.layers.Conv2D(12, (3, 1), strides=(2, 1), activation="elu"),
            keras.layers.Conv2D(12, (1, 3), dilation_rate=(1, 2), activation="elu"),
            keras.layers.Conv2D(10, 1),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Softmax(),
        ]
    )
    weights(model)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)),
        loss="sparse_categorical_crossentropy",
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(k=3)],
    )
    history = model.fit(PIXELS, DIGITS, epochs=3, batch_size=30, shuffle=False, verbose=0)
    kernel, bias = model.get_layer("features").get_weights()
    return history.history, kernel, bias, model.evaluate(PIXELS, DIGITS, return_dict=True, verbose=0)


def transfer_of_a_convolutional_base(keras, weights):
    conv_base = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(8, 2, activation="relu", name="last_conv"),
        ],
        name="conv_base",
    )
    before = keras.Sequential([conv_base, keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    before.build((None, 8, 8, 1))
    weights(before)
    before.compile("adam", "sparse_categorical_crossentropy")
    before.fit(PIXELS[:120], DIGITS[:120], epochs=2, shuffle=False, verbose=0)

    conv_base.trainable = False
    inputs = keras.Input(shape=(8, 8, 1))
    x = keras.layers.Rescaling(2.0, offset=-1.0)(inputs)
    x = conv_base(x, training=False)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(8, activation="relu")(x)
    outputs = keras.layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs, outputs)
    weights(model)
    is_even = (DIGITS % 2 == 0).astype("float32")
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(2e-3), metrics=["accuracy"])
    frozen = model.fit(PIXELS, is_even, epochs=2, batch_size=20, shuffle=False, verbose=0)
    counts = [len(model.trainable_weights)]
    conv_base.trainable = True
    for layer in conv_base.layers[:-1]:
        layer.trainable = False
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(1e-3), metrics=["accuracy"])
    tuned = model.fit(PIXELS, is_even, epochs=2, batch_size=20, shuffle=False, verbose=0)
    counts += [len(model.trainable_weights), len(model.non_trainable_weights)]
    return frozen.history, tuned.history, counts, model.predict(PIXELS[:9], verbose=0), conv_base.get_weights()
