"""Trains one network on Fashion-MNIST with several learners: each takes its share of every batch.

The service starts the same command once for each learner and tells it who it is: RANK, WORLD_SIZE, MASTER_ADDR and
MASTER_PORT, which `init_process_group` reads by itself. Started by hand without them, it trains alone.
"""

import argparse
import os
import sys

import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

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


def join_group():
    """(rank, learners) once every learner is there."""
    if "RANK" not in os.environ:
        return 0, 1
    # nccl speaks between GPUs only, and each learner needs one of its own for it.
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    torch.distributed.init_process_group(backend)
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def make_network():
    return nn.Sequential(nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 10))


def accuracy(scores, labels):
    return (scores.argmax(dim=1) == labels).float().mean().item()


def train(network, images, labels, arguments, rank, learners):
    optimizer = torch.optim.Adam(network.parameters(), lr=arguments.learningRate)
    measure_loss = nn.CrossEntropyLoss()
    # The same order everywhere, so that the shares of the learners never overlap.
    order = torch.Generator().manual_seed(1)
    for step in range(1, arguments.trainingIters // BATCH_SIZE + 1):
        batch = torch.randint(len(images), (BATCH_SIZE,), generator=order)[rank::learners]
        scores = network(images[batch])
        loss = measure_loss(scores, labels[batch])
        optimizer.zero_grad()
        loss.backward()  # DistributedDataParallel averages the gradients of all learners here
        optimizer.step()
        if step % DISPLAY_STEP == 0:
            share = accuracy(scores, labels[batch])
            print(
                f"Iter {step * BATCH_SIZE}, Minibatch Loss= {loss.item():.6f}, Training Accuracy= {share:.5f}",
                flush=True,
            )


def main():
    arguments = read_arguments()
    if "RESULT_DIR" not in os.environ:
        sys.exit("Set RESULT_DIR to the folder that shall hold the trained model.")
    rank, learners = join_group()
    print(f"Learner {rank + 1} of {learners} is here.", flush=True)

    sets = input_data.read_sets(
        arguments.trainImagesFile, arguments.trainLabelsFile, arguments.testImagesFile, arguments.testLabelsFile
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train_images, train_labels, test_images, test_labels = (torch.from_numpy(part).to(device) for part in sets)

    torch.manual_seed(1)  # every learner begins with the same weights
    network = make_network().to(device)
    trained = network if learners == 1 else DistributedDataParallel(network)
    train(trained, train_images, train_labels, arguments, rank, learners)
    print("Optimization Finished!", flush=True)

    with torch.no_grad():
        print(f"Testing Accuracy: {accuracy(network(test_images), test_labels):.4f}", flush=True)
    if rank == 0:  # all learners hold the same network, and they share RESULT_DIR
        model_folder = os.path.join(os.environ["RESULT_DIR"], "model")
        os.makedirs(model_folder)
        model_file = os.path.join(model_folder, "model.pt")
        torch.save(network.state_dict(), model_file)
        print(f"Model saved in file: {model_file}", flush=True)
    if learners > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
