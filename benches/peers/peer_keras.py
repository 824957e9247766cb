"""Keras 3 on TensorFlow beside Meuse's recipes: see peer_common.py. In the manner of Keras's own guides: Sequential,
compile, fit; arrays as they are, folders of pictures by image_dataset_from_directory, cached and prefetched.

Transfer learning (clipart) is compared with torchvision alone.
"""

import os

import peer_common
from peer_common import VOCABULARY

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
stages = peer_common.Stages()

import keras
import tensorflow as tf
from keras import layers

stages.done("import libraries")


def small_network(classes):
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(classes, activation="softmax"),
    ])


def icons_network(classes):
    return keras.Sequential([
        keras.Input((32, 32, 3)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(32, 3, padding="same", activation="relu"), layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(), layers.Dropout(0.25),
        layers.Conv2D(64, 3, padding="same", activation="relu"), layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(), layers.Dropout(0.25),
        layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dropout(0.5), layers.Dense(classes, activation="softmax"),
    ])


def lstm_network(length):
    return keras.Sequential([
        keras.Input((length,)),
        layers.Embedding(VOCABULARY, 100), layers.LSTM(100), layers.Dense(1, activation="sigmoid"),
    ])


class Places(layers.Layer):
    """A learnt vector for each place in the text."""

    def build(self, shape):
        self.vectors = self.add_weight(shape=shape[1:], initializer=keras.initializers.RandomUniform(-0.05, 0.05))

    def call(self, states):
        return states + self.vectors


def transformer_network(length):
    ids = keras.Input((length,))
    states = Places()(layers.Embedding(VOCABULARY, 64)(ids))
    attended = layers.Dropout(0.1)(layers.MultiHeadAttention(4, key_dim=16)(states, states))
    states = layers.LayerNormalization(epsilon=1e-5)(states + attended)
    dense = layers.Dense(64)(layers.Dense(128, activation="relu")(states))
    states = layers.LayerNormalization(epsilon=1e-5)(states + layers.Dropout(0.1)(dense))
    pooled = layers.Dropout(0.2)(layers.GlobalAveragePooling1D()(states))
    return keras.Model(ids, layers.Dense(1, activation="sigmoid")(pooled))


def from_arrays(given):
    return [(x[..., None].astype("float32") / 255, y.astype("int32")) for x, y in peer_common.digits(given.files)]


def from_folders(given):
    size = (given.size, given.size)
    read = lambda part: keras.utils.image_dataset_from_directory(
        given.files / part, image_size=size, batch_size=given.batch, shuffle=part == "training", seed=given.seed, verbose=False)
    sets = [read(part) for part in ("training", "validation", "test")]
    changed = keras.Sequential([layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"), layers.RandomFlip("horizontal")])
    training, *others = [rows.cache() for rows in sets]
    training = training.shuffle(1000).map(lambda x, y: (changed(x, training=True), y), num_parallel_calls=tf.data.AUTOTUNE)
    return [rows.prefetch(tf.data.AUTOTUNE) for rows in (training, *others)], len(sets[0].class_names)


def from_texts(given):
    (texts, labels), (test_texts, test_labels) = peer_common.reviews(given.files)
    tokenizer = tf.keras.preprocessing.text.Tokenizer(num_words=VOCABULARY)
    tokenizer.fit_on_texts(texts)
    padded = lambda texts: keras.utils.pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=given.length)
    return (padded(texts), labels), (padded(test_texts), test_labels)


class Steps(keras.callbacks.Callback):
    """Tells the clock of each step; the last one of an epoch holds what is left."""

    def __init__(self, rows, batch):
        super().__init__()
        self.rows, self.batch = rows, batch

    def on_train_batch_end(self, batch, logs=None):
        stages.step(min(self.batch, self.rows - batch * self.batch))


def prepared(given):
    """A network, its loss, what fit and evaluate are given, and the rows of each part."""
    if given.recipe == "icons":
        (training, validation, test), classes = from_folders(given)
        rows = {part: sum(1 for file in (given.files / part).rglob("*") if file.is_file())
                for part in ("training", "validation", "test")}
        fit, score = {"x": training, "validation_data": validation}, {"x": test}
        return icons_network(classes), "sparse_categorical_crossentropy", fit, score, rows
    if given.recipe.startswith("english"):
        training, test = from_texts(given)
        model = (lstm_network if given.recipe == "english-lstm" else transformer_network)(given.length)
        loss = "binary_crossentropy"
    else:
        training, test = from_arrays(given)
        model, loss = small_network(10), "sparse_categorical_crossentropy"
    fit, score = ({"x": x, "y": y, "batch_size": given.batch} for x, y in (training, test))
    return model, loss, fit, score, {"training": len(training[0]), "test": len(test[0])}


def main():
    given = peer_common.arguments(__doc__)
    tf.config.threading.set_intra_op_parallelism_threads(given.threads)
    tf.config.threading.set_inter_op_parallelism_threads(given.threads)
    keras.utils.set_random_seed(given.seed)
    model, loss, fit, score, rows = prepared(given)
    stages.done("prepare")
    model.compile(optimizer=keras.optimizers.Adam(given.rate), loss=loss, metrics=["accuracy"])
    model.fit(epochs=given.epochs, verbose=2, callbacks=[Steps(rows["training"], given.batch)], **fit)
    stages.done("train")
    _, accuracy = model.evaluate(verbose=0, **score)
    stages.done("evaluate")
    model.save(given.out)
    stages.done("save")
    stages.answer(float(accuracy), rows)


if __name__ == "__main__":
    main()
