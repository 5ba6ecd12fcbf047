"""Reads the four files of MNIST and of Fashion-MNIST: the IDX format, compressed with gzip or plain."""

import gzip
import struct
import sys
import zlib

import numpy

# The first four bytes: unsigned bytes in three dimensions (images, rows, columns) or in one (labels).
IMAGES = 0x00000803
LABELS = 0x00000801

IMAGE_SIZE = (28, 28)
CLASSES = 10


class UnusableFile(Exception):
    """The message names the file and says in one sentence what is wrong with it."""


def read_sets(train_images, train_labels, test_images, test_labels):
    """(training images, training labels, test images, test labels); ends the program with a sentence for a bad file."""
    try:
        return (*read_pair(train_images, train_labels), *read_pair(test_images, test_labels))
    except UnusableFile as problem:
        sys.exit(f"Cannot train: {problem}")


def read_pair(images_path, labels_path):
    """Images as rows of 784 numbers from 0 to 1, and the label of each, from 0 to 9."""
    (count, *size), pixels = read_idx(images_path, IMAGES, "images")
    (label_count,), labels = read_idx(labels_path, LABELS, "labels")
    if tuple(size) != IMAGE_SIZE:
        raise UnusableFile(f"{images_path} has images of {size[0]} x {size[1]} pixels instead of 28 x 28.")
    if labels.max() >= CLASSES:
        raise UnusableFile(f"{labels_path} has the label {labels.max()}; the classes are 0 to 9.")
    if count != label_count:
        raise UnusableFile(f"{images_path} has {count} images, but {labels_path} has {label_count} labels.")
    images = pixels.reshape(count, -1).astype(numpy.float32) / 255
    return images, labels.astype(numpy.int64)


def read_idx(path, kind, what):
    content = read_bytes(path)
    dimensions = kind & 0xFF
    header_bytes = 4 + 4 * dimensions
    if len(content) < header_bytes or struct.unpack_from(">I", content)[0] != kind:
        raise UnusableFile(f"{path} is not an IDX file of {what}.")
    sizes = struct.unpack_from(f">{dimensions}I", content, 4)
    values = numpy.frombuffer(content, numpy.uint8, offset=header_bytes)
    expected = 1
    for size in sizes:
        expected *= size
    if len(values) != expected or expected == 0:
        raise UnusableFile(f"{path} announces {expected} bytes of {what} and holds {len(values)}.")
    return sizes, values


def read_bytes(path):
    try:
        with open(path, "rb") as file:
            content = file.read()
        # By its first bytes and not by its name: some stores and browsers unpack a .gz on the way.
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror or error}.") from error
    except (EOFError, zlib.error) as error:
        raise UnusableFile(f"{path} is damaged: {error}.") from error
