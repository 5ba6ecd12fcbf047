"""Trains a network with one hidden layer on MNIST or Fashion-MNIST with nothing but NumPy.

It takes the flags and prints the lines of the TensorFlow program that users of 2017 submitted.
"""

import argparse
import math
import os
import sys

import numpy

import input_data

BATCH_SIZE = 128
DISPLAY_STEP = 10  # batches between two lines
HIDDEN_UNITS = 128


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


class Network:
    """784 inputs, ReLU units, softmax over 10 classes; learns with Adam."""

    def __init__(self, random, learning_rate):
        self.learning_rate = learning_rate
        self.weights = {
            "hidden": random.normal(0, math.sqrt(2 / 784), (784, HIDDEN_UNITS)).astype(numpy.float32),
            "hidden_bias": numpy.zeros(HIDDEN_UNITS, numpy.float32),
            "output": random.normal(0, math.sqrt(1 / HIDDEN_UNITS), (HIDDEN_UNITS, 10)).astype(numpy.float32),
            "output_bias": numpy.zeros(10, numpy.float32),
        }
        # Adam's running means of each gradient and of its square.
        self.means = {name: numpy.zeros_like(value) for name, value in self.weights.items()}
        self.squares = {name: numpy.zeros_like(value) for name, value in self.weights.items()}
        self.steps = 0

    def forward(self, images):
        """(hidden units, probability of each class)"""
        hidden = numpy.maximum(images @ self.weights["hidden"] + self.weights["hidden_bias"], 0)
        scores = hidden @ self.weights["output"] + self.weights["output_bias"]
        exponents = numpy.exp(scores - scores.max(axis=1, keepdims=True))  # less the largest: exp() never overflows
        return hidden, exponents / exponents.sum(axis=1, keepdims=True)

    def learn(self, images, labels):
        """(loss, accuracy) of this batch, as they were before the step."""
        hidden, probabilities = self.forward(images)
        rows = numpy.arange(len(labels))
        loss = -numpy.log(probabilities[rows, labels] + 1e-12).mean()
        share = (probabilities.argmax(axis=1) == labels).mean()

        error = probabilities
        error[rows, labels] -= 1
        error /= len(labels)
        hidden_error = (error @ self.weights["output"].T) * (hidden > 0)
        self.step(
            {
                "hidden": images.T @ hidden_error,
                "hidden_bias": hidden_error.sum(axis=0),
                "output": hidden.T @ error,
                "output_bias": error.sum(axis=0),
            }
        )
        return loss, share

    def step(self, gradients):
        self.steps += 1
        # The means begin at zero and are too small at first; this makes up for it.
        rate = self.learning_rate * math.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        for name, gradient in gradients.items():
            mean, square = self.means[name], self.squares[name]
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient * gradient - square)
            self.weights[name] -= rate * mean / (numpy.sqrt(square) + 1e-8)


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
    network = Network(random, arguments.learningRate)
    batches = shuffled_batches(random, len(train_images), arguments.trainingIters)
    for step, batch in enumerate(batches, start=1):
        loss, share = network.learn(train_images[batch], train_labels[batch])
        if step % DISPLAY_STEP == 0:
            # Flushed, so that whoever follows the log sees the line now and not with the next full buffer.
            print(
                f"Iter {step * BATCH_SIZE}, Minibatch Loss= {loss:.6f}, Training Accuracy= {share:.5f}",
                flush=True,
            )
    print("Optimization Finished!", flush=True)

    _, probabilities = network.forward(test_images)
    share = (probabilities.argmax(axis=1) == test_labels).mean()
    print(f"Testing Accuracy: {share:.4f}", flush=True)

    model_file = os.path.join(model_folder, "model.npz")
    numpy.savez(model_file, **network.weights)
    print(f"Model saved in file: {model_file}", flush=True)


if __name__ == "__main__":
    main()
