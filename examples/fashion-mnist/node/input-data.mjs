/** Reads the files of MNIST and of Fashion-MNIST: the IDX format, compressed with gzip or plain. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

// The first four bytes: unsigned bytes in three dimensions (images, rows, columns) or in one (labels).
const IMAGES = 0x00000803;
const LABELS = 0x00000801;
const PIXELS = 28 * 28;
const CLASSES = 10;

/** The message names the file and says in one sentence what is wrong with it. */
export class UnusableFile extends Error {}

/** The images and their labels. `image(i)` holds 784 bytes from 0 to 255 and shares its memory with the set. */
export function readSet(imagesFile, labelsFile) {
  const images = readIdx(imagesFile, IMAGES, "images");
  const labels = readIdx(labelsFile, LABELS, "labels");
  const [count, rows, columns] = images.sizes;
  if (rows !== 28 || columns !== 28) {
    throw new UnusableFile(`${imagesFile} has images of ${rows} x ${columns} pixels instead of 28 x 28.`);
  }
  if (labels.sizes[0] !== count) {
    throw new UnusableFile(`${imagesFile} has ${count} images, but ${labelsFile} has ${labels.sizes[0]} labels.`);
  }
  const unknown = labels.values.find((label) => label >= CLASSES);
  if (unknown !== undefined) {
    throw new UnusableFile(`${labelsFile} has the label ${unknown}; the classes are 0 to 9.`);
  }
  return {
    count,
    labels: labels.values,
    image: (index) => images.values.subarray(index * PIXELS, (index + 1) * PIXELS),
  };
}

function readIdx(path, kind, what) {
  const content = readContent(path);
  const dimensions = kind & 0xff;
  const headerBytes = 4 + 4 * dimensions;
  if (content.length < headerBytes || content.readUInt32BE(0) !== kind) {
    throw new UnusableFile(`${path} is not an IDX file of ${what}.`);
  }
  const sizes = Array.from({ length: dimensions }, (_, i) => content.readUInt32BE(4 + 4 * i));
  const values = content.subarray(headerBytes);
  const expected = sizes.reduce((product, size) => product * size, 1);
  if (values.length !== expected || expected === 0) {
    throw new UnusableFile(`${path} announces ${expected} bytes of ${what} and holds ${values.length}.`);
  }
  return { sizes, values };
}

function readContent(path) {
  let content;
  try {
    content = readFileSync(path);
  } catch (error) {
    throw new UnusableFile(`${path} cannot be read: ${error.message}.`);
  }
  // By its first bytes and not by its name: some stores and browsers unpack a .gz on the way.
  if (content[0] !== 0x1f || content[1] !== 0x8b) return content;
  try {
    return gunzipSync(content);
  } catch (error) {
    throw new UnusableFile(`${path} is damaged: ${error.message}.`);
  }
}
