"""Models that are written, read and trained on."""

import numpy as np

from .tables import BENIGN, PATIENTS, PROGRESSION, TUMOURS


def training_that_goes_on_from_a_file(keras, weights):
    @keras.saving.register_keras_serializable(package="tests")
    class Pinball(keras.losses.Loss):
        def __init__(self, share=0.5, name="pinball", **kwargs):
            super().__init__(name=name, **kwargs)
            self.share = share

        def call(self, y_true, y_pred):
            error = y_true - y_pred
            return keras.ops.mean(keras.ops.maximum(self.share * error, (self.share - 1) * error), axis=-1)

        def get_config(self):
            return super().get_config() | {"share": self.share}

    x = keras.Input((10,))
    h = keras.layers.Dense(8, "relu")(x)
    h = keras.layers.Add()([h, keras.layers.Dense(8)(x)])
    model = keras.Model(x, keras.layers.Dense(1)(h), name="net")
    weights(model)
    model.compile(keras.optimizers.Adam(0.01), Pinball(0.8), metrics=["mae"])
    before = model.fit(PATIENTS, PROGRESSION.reshape(-1, 1), epochs=2, shuffle=False, verbose=0)
    model.save("net.keras")
    loaded = keras.models.load_model("net.keras")
    after = loaded.fit(PATIENTS, PROGRESSION.reshape(-1, 1), epochs=2, shuffle=False, verbose=0)
    kinds = [type(layer).__name__ for layer in loaded.layers]
    share = loaded.loss.share, type(loaded.optimizer).__name__, int(loaded.optimizer.iterations)
    return before.history, after.history, share, kinds, loaded.predict(PATIENTS, verbose=0)


def copies_by_json_config_and_files(keras, weights):
    model = keras.Sequential(name="original")
    model.add(keras.layers.Input((30,)))
    model.add(keras.layers.Dense(6, kernel_regularizer=keras.regularizers.L1L2(1e-3, 1e-3), name="hidden"))
    model.add(keras.layers.PReLU())
    model.add(keras.layers.Dense(1, activation="sigmoid", kernel_constraint="non_neg"))
    weights(model)
    model.compile(optimizer="nadam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(TUMOURS, BENIGN, epochs=3, shuffle=False, verbose=0)
    model.save_weights("model.weights.h5")
    model.save("model.h5")
    copies = [
        keras.models.model_from_json(model.to_json()),
        keras.Sequential.from_config(model.get_config()),
        keras.models.clone_model(model),
    ]
    for copy in copies:
        copy.load_weights("model.weights.h5")
    copies.append(keras.models.load_model("model.h5", compile=False))
    config = model.get_layer("hidden").get_config()
    told = config["units"], config["use_bias"], config["kernel_regularizer"]["config"], model.get_config()["name"]
    penalties = float(np.sum([keras.ops.convert_to_numpy(loss) for loss in model.losses]))
    least = float(np.min(model.layers[-1].get_weights()[0]))
    return history.history, [copy.predict(TUMOURS[:8], verbose=0) for copy in copies], told, penalties, least
