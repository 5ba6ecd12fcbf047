"""Trains one network on Fashion-MNIST with several learners: each takes its share of every batch.

The service starts the same command once for each learner and tells it who it is in TF_CONFIG, which
`MultiWorkerMirroredStrategy` reads by itself. Started by hand without it, it trains alone.
"""

import argparse
import json
import os
import sys

import numpy
import tensorflow as tf

import input_data

BATCH_SIZE = 128  # of all learners together
DISPLAY_STEP = 10  # batches between two lines


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainImagesFile", required=True)
    parser.add_argument("--trainLabelsFile", required=True)
    parser.add_argument("--testImagesFile", required=True)
    parser.add_argument("--testLabelsFile", required=True)
    parser.add_argument("--learningRate", type=float, default=0.001)
    parser.add_argument("--trainingIters", type=int, default=60000, help="images to train on, repeats counted")
    return parser.parse_args()


def make_weights():
    """One hidden layer of 128, by hand: what a strategy mirrors are variables."""
    sizes = [(28 * 28, 128), (128, 10)]
    return [
        (
            tf.Variable(tf.random.stateless_normal(size, seed=(1, layer), stddev=(2 / size[0]) ** 0.5)),
            tf.Variable(tf.zeros(size[1])),
        )
        for layer, size in enumerate(sizes)
    ]


def scores_of(weights, images):
    (first, first_bias), (last, last_bias) = weights
    return tf.nn.relu(images @ first + first_bias) @ last + last_bias


def accuracy(scores, labels):
    return tf.reduce_mean(tf.cast(tf.equal(tf.argmax(scores, axis=1), labels), tf.float32))


def make_step(strategy, weights, learning_rate):
    """Adam, with the gradients of all learners added up. Every learner takes the same step."""
    variables = [variable for layer in weights for variable in layer]
    means = [tf.Variable(tf.zeros_like(variable)) for variable in variables]
    squares = [tf.Variable(tf.zeros_like(variable)) for variable in variables]

    def update(images, labels, number):
        with tf.GradientTape() as tape:
            scores = scores_of(weights, images)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)
            loss = tf.reduce_sum(losses) / BATCH_SIZE
        gradients = tape.gradient(loss, variables)
        gradients = tf.distribute.get_replica_context().all_reduce("sum", gradients)
        rate = learning_rate * tf.sqrt(1 - 0.999**number) / (1 - 0.9**number)
        for variable, mean, square, gradient in zip(variables, means, squares, gradients):
            mean.assign(0.9 * mean + 0.1 * gradient)
            square.assign(0.999 * square + 0.001 * gradient**2)
            variable.assign_sub(rate * mean / (tf.sqrt(square) + 1e-7))
        return tf.reduce_mean(losses), accuracy(scores, labels)

    @tf.function
    def step(images, labels, number):
        return strategy.run(update, args=(images, labels, number))

    return step


def main():
    arguments = read_arguments()
    if "RESULT_DIR" not in os.environ:
        sys.exit("Set RESULT_DIR to the folder that shall hold the trained model.")
    task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {"index": 0})
    # Before anything else of TensorFlow, and it returns once every learner is there.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    learners = strategy.num_replicas_in_sync
    rank = task["index"]
    print(f"Learner {rank + 1} of {learners} is here.", flush=True)

    train_images, train_labels, test_images, test_labels = input_data.read_sets(
        arguments.trainImagesFile, arguments.trainLabelsFile, arguments.testImagesFile, arguments.testLabelsFile
    )
    with strategy.scope():
        weights = make_weights()
        step = make_step(strategy, weights, arguments.learningRate)

    # The same order everywhere, so that the shares of the learners never overlap.
    generator = tf.random.Generator.from_seed(1)
    for number in range(1, arguments.trainingIters // BATCH_SIZE + 1):
        order = generator.uniform((BATCH_SIZE,), maxval=len(train_images), dtype=tf.int32)
        share = order.numpy()[rank::learners]
        loss, hits = step(
            tf.constant(train_images[share]), tf.constant(train_labels[share]), tf.constant(number, tf.float32)
        )
        if number % DISPLAY_STEP == 0:
            print(
                f"Iter {number * BATCH_SIZE}, Minibatch Loss= {loss.numpy():.6f}, "
                f"Training Accuracy= {hits.numpy():.5f}",
                flush=True,
            )
    print("Optimization Finished!", flush=True)
    print(f"Testing Accuracy: {accuracy(scores_of(weights, test_images), test_labels).numpy():.4f}", flush=True)

    if rank == 0:  # all learners hold the same network, and they share RESULT_DIR
        model_folder = os.path.join(os.environ["RESULT_DIR"], "model")
        os.makedirs(model_folder)
        model_file = os.path.join(model_folder, "weights.npz")
        names = ("hidden", "hidden_bias", "output", "output_bias")
        numpy.savez(model_file, **{name: part.numpy() for name, part in zip(names, [*weights[0], *weights[1]])})
        print(f"Model saved in file: {model_file}", flush=True)


if __name__ == "__main__":
    main()
