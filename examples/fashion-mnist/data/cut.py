"""Cuts the small Fashion-MNIST beside this file out of the whole one.

    python3 cut.py [FOLDER_OF_THE_WHOLE_ONE]

The first 6,000 of the 60,000 training images and the first 1,000 of the 10,000 test images, with their labels, in the
original format and under the original names. The whole set comes shuffled, so its beginning is a fair sample. The same
input always gives the same bytes.
"""

import gzip
import os
import struct
import sys

WHOLE = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/datasets/fashion-mnist"
HERE = os.path.dirname(os.path.abspath(__file__))


def cut(name, keep):
    with gzip.open(os.path.join(WHOLE, name)) as source:
        content = source.read()
    # An IDX header: two zero bytes, the type of a value, the number of dimensions, and then each dimension's size.
    dimensions = content[3]
    sizes = list(struct.unpack_from(f">{dimensions}I", content, 4))
    header_bytes = 4 + 4 * dimensions
    item_bytes = 1
    for size in sizes[1:]:
        item_bytes *= size
    kept = content[:4] + struct.pack(f">{dimensions}I", keep, *sizes[1:])
    kept += content[header_bytes : header_bytes + keep * item_bytes]
    with open(os.path.join(HERE, name), "wb") as raw:
        # Neither the time nor a file name goes into the gzip header: they would make every cut another file.
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as target:
            target.write(kept)


cut("train-images-idx3-ubyte.gz", 6000)
cut("train-labels-idx1-ubyte.gz", 6000)
cut("t10k-images-idx3-ubyte.gz", 1000)
cut("t10k-labels-idx1-ubyte.gz", 1000)
