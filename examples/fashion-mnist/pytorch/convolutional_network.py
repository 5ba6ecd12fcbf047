"""Trains a small convolutional network on MNIST or Fashion-MNIST with PyTorch.

It takes the flags and prints the lines of the TensorFlow program of the same name that users of 2017 submitted.
"""

import argparse
import math
import os
import sys

import torch
from torch import nn

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
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def accuracy(scores, labels):
    return (scores.argmax(dim=1) == labels).float().mean().item()


def shuffled_batches(count, training_iters):
    """The indices of one batch after the other; every image once before any of them comes again."""
    rounds = math.ceil(training_iters / count)
    order = torch.cat([torch.randperm(count) for _ in range(rounds)])[:training_iters]
    return order.split(BATCH_SIZE)


def train(network, images, labels, learning_rate, training_iters):
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    measure_loss = nn.CrossEntropyLoss()
    for step, batch in enumerate(shuffled_batches(len(images), training_iters), start=1):
        scores = network(images[batch])
        loss = measure_loss(scores, labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % DISPLAY_STEP == 0:
            share = accuracy(scores, labels[batch])
            # Flushed, so that whoever follows the log sees the line now and not with the next full buffer.
            print(
                f"Iter {step * BATCH_SIZE}, Minibatch Loss= {loss.item():.6f}, Training Accuracy= {share:.5f}",
                flush=True,
            )


def main():
    arguments = read_arguments()
    if "RESULT_DIR" not in os.environ:
        sys.exit("Set RESULT_DIR to the folder that shall hold the trained model.")
    model_folder = os.path.join(os.environ["RESULT_DIR"], "model")

    sets = input_data.read_sets(
        arguments.trainImagesFile, arguments.trainLabelsFile, arguments.testImagesFile, arguments.testLabelsFile
    )
    os.makedirs(model_folder)  # before the work: it fails where an earlier run left its model

    device = "cuda" if torch.cuda.is_available() else "cpu"
    train_images, train_labels, test_images, test_labels = (torch.from_numpy(part).to(device) for part in sets)
    train_images = train_images.reshape(-1, 1, 28, 28)
    test_images = test_images.reshape(-1, 1, 28, 28)

    torch.manual_seed(1)  # the same data and flags give the same model
    network = make_network().to(device)
    train(network, train_images, train_labels, arguments.learningRate, arguments.trainingIters)
    print("Optimization Finished!", flush=True)

    network.eval()
    with torch.no_grad():
        scores = torch.cat([network(part) for part in test_images.split(1000)])
    print(f"Testing Accuracy: {accuracy(scores, test_labels):.4f}", flush=True)

    model_file = os.path.join(model_folder, "model.pt")
    torch.save(network.state_dict(), model_file)
    print(f"Model saved in file: {model_file}", flush=True)


if __name__ == "__main__":
    main()
