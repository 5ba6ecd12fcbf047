"""Trains a small convolutional network on MNIST or Fashion-MNIST with TensorFlow 2.

It takes the flags and prints the lines of the TensorFlow 1 program of the same name that users of 2017 submitted.
"""

import argparse
import os
import sys

import tensorflow as tf

import input_data

BATCH_SIZE = 128
DISPLAY_STEP = 10  # batches between two lines


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainImagesFile", required=True)
    parser.add_argument("--trainLabelsFile", required=True)
    parser.add_argument("--testImagesFile", required=True)
    parser.add_argument("--testLabelsFile", required=True)
    parser.add_argument("--learningRate", type=float, default=0.001)
    parser.add_argument("--trainingIters", type=int, default=60000, help="images to train on, repeats counted")
    arguments = parser.parse_args()
    if arguments.trainingIters < 1:
        parser.error("--trainingIters must be at least 1.")
    return arguments


def make_network():
    # Strides instead of pooling: on a CPU the pooling would cost more than the convolutions.
    return tf.keras.Sequential(
        [
            tf.keras.Input(shape=(28 * 28,)),
            tf.keras.layers.Reshape((28, 28, 1)),
            tf.keras.layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),
            tf.keras.layers.Conv2D(32, 5, strides=2, padding="same", activation="relu"),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dense(10),
        ]
    )


def batches(images, labels, training_iters):
    """Every image once, in an order of its own, before any of them comes again."""
    images_and_labels = tf.data.Dataset.from_tensor_slices((images, labels))
    shuffled = images_and_labels.shuffle(len(images), seed=1, reshuffle_each_iteration=True)
    return shuffled.repeat().take(training_iters).batch(BATCH_SIZE)


def make_step(network, learning_rate):
    optimizer = tf.keras.optimizers.Adam(learning_rate)
    measure_loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            scores = network(images, training=True)
            loss = measure_loss(labels, scores)
        weights = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return loss, accuracy(scores, labels)

    return step


def accuracy(scores, labels):
    hits = tf.equal(tf.argmax(scores, axis=1), tf.cast(labels, tf.int64))
    return tf.reduce_mean(tf.cast(hits, tf.float32))


def train(network, images, labels, learning_rate, training_iters):
    step = make_step(network, learning_rate)
    for number, batch in enumerate(batches(images, labels, training_iters), start=1):
        loss, share = step(*batch)
        if number % DISPLAY_STEP == 0:
            # Flushed, so that whoever follows the log sees the line now and not with the next full buffer.
            print(
                f"Iter {number * BATCH_SIZE}, Minibatch Loss= {loss.numpy():.6f}, "
                f"Training Accuracy= {share.numpy():.5f}",
                flush=True,
            )


def main():
    arguments = read_arguments()
    if "RESULT_DIR" not in os.environ:
        sys.exit("Set RESULT_DIR to the folder that shall hold the trained model.")
    model_folder = os.path.join(os.environ["RESULT_DIR"], "model")
    if os.path.exists(model_folder):  # before the work: the model of an earlier run must not be mixed with this one
        sys.exit(f"There is a model in {model_folder} already.")

    train_images, train_labels, test_images, test_labels = input_data.read_sets(
        arguments.trainImagesFile, arguments.trainLabelsFile, arguments.testImagesFile, arguments.testLabelsFile
    )
    tf.keras.utils.set_random_seed(1)  # the same data, flags and version give the same model
    network = make_network()
    train(network, train_images, train_labels, arguments.learningRate, arguments.trainingIters)
    print("Optimization Finished!", flush=True)

    scores = network.predict(test_images, batch_size=1000, verbose=0)
    print(f"Testing Accuracy: {accuracy(scores, test_labels).numpy():.4f}", flush=True)

    serving = [tf.TensorSpec((None, 28 * 28), tf.float32, name="images")]
    function = tf.function(lambda images: {"scores": network(images)}, input_signature=serving)
    tf.saved_model.save(network, model_folder, signatures=function)
    print(f"Model saved in file: {model_folder}", flush=True)


if __name__ == "__main__":
    main()
