"""Trains a network with one hidden layer on MNIST or Fashion-MNIST with scikit-learn.

It takes the flags and prints the lines of the TensorFlow program that users of 2017 submitted.
"""

import argparse
import math
import os
import sys

import joblib
import numpy
from sklearn.neural_network import MLPClassifier

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


def shuffled_batches(random, count, training_iters):
    """The indices of one batch after the other; every image once before any of them comes again."""
    rounds = math.ceil(training_iters / count)
    order = numpy.concatenate([random.permutation(count) for _ in range(rounds)])[:training_iters]
    return (order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE))


def main():
    arguments = read_arguments()
    if "RESULT_DIR" not in os.environ:
        sys.exit("Set RESULT_DIR to the folder that shall hold the trained model.")
    model_folder = os.path.join(os.environ["RESULT_DIR"], "model")

    train_images, train_labels, test_images, test_labels = input_data.read_sets(
        arguments.trainImagesFile, arguments.trainLabelsFile, arguments.testImagesFile, arguments.testLabelsFile
    )
    os.makedirs(model_folder)  # before the work: it fails where an earlier run left its model

    random = numpy.random.default_rng(1)  # the same data and flags give the same model
    network = MLPClassifier(hidden_layer_sizes=(128,), learning_rate_init=arguments.learningRate, random_state=1)
    batches = shuffled_batches(random, len(train_images), arguments.trainingIters)
    for step, batch in enumerate(batches, start=1):
        # One step at a time, where fit() would be silent until its end.
        network.partial_fit(train_images[batch], train_labels[batch], classes=numpy.arange(10))
        if step % DISPLAY_STEP == 0:
            share = network.score(train_images[batch], train_labels[batch])
            # Flushed, so that whoever follows the log sees the line now and not with the next full buffer.
            print(
                f"Iter {step * BATCH_SIZE}, Minibatch Loss= {network.loss_:.6f}, Training Accuracy= {share:.5f}",
                flush=True,
            )
    print("Optimization Finished!", flush=True)

    print(f"Testing Accuracy: {network.score(test_images, test_labels):.4f}", flush=True)

    model_file = os.path.join(model_folder, "model.joblib")
    joblib.dump(network, model_file)
    print(f"Model saved in file: {model_file}", flush=True)


if __name__ == "__main__":
    main()
