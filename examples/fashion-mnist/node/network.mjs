import { normal } from "./random.mjs";

const INPUTS = 28 * 28;
const HIDDEN = 64;
const CLASSES = 10;

/**
 * 784 inputs, 64 ReLU units, softmax over 10 classes; learns with Adam.
 *
 * The weights of one input stand side by side, so that a black pixel, and every second one is black, skips a whole
 * row at once. That and the loops that run along such rows make it fast enough without any package.
 */
export class Network {
  constructor(random, learningRate) {
    this.learningRate = learningRate;
    this.steps = 0;
    this.hiddenWeights = new Weights(INPUTS * HIDDEN, Math.sqrt(2 / INPUTS), random);
    this.hiddenBias = new Weights(HIDDEN, 0, random);
    this.outputWeights = new Weights(HIDDEN * CLASSES, Math.sqrt(1 / HIDDEN), random);
    this.outputBias = new Weights(CLASSES, 0, random);

    // Of the image that forward() saw last:
    this.rows = new Uint32Array(INPUTS); // where the weights of each pixel that is not black begin
    this.light = new Float32Array(INPUTS); // how bright that pixel is, from 0 to 1
    this.lit = 0; // how many of them there are, rounded up to a multiple of four
    this.hidden = new Float32Array(HIDDEN);
    this.probabilities = new Float32Array(CLASSES);
  }

  /** Leaves the probability of each class in `probabilities`. */
  forward(image) {
    this.#collectLight(image);
    const { rows, light, lit, hidden, probabilities } = this;
    const hiddenWeights = this.hiddenWeights.values;
    const outputWeights = this.outputWeights.values;

    hidden.set(this.hiddenBias.values);
    // Four rows at a time: the sums are then read and written a quarter as often.
    for (let i = 0; i < lit; i += 4) {
      const [row0, row1, row2, row3] = [rows[i], rows[i + 1], rows[i + 2], rows[i + 3]];
      const [light0, light1, light2, light3] = [light[i], light[i + 1], light[i + 2], light[i + 3]];
      for (let unit = 0; unit < HIDDEN; unit += 1) {
        hidden[unit] +=
          light0 * hiddenWeights[row0 + unit] +
          light1 * hiddenWeights[row1 + unit] +
          light2 * hiddenWeights[row2 + unit] +
          light3 * hiddenWeights[row3 + unit];
      }
    }

    probabilities.set(this.outputBias.values);
    for (let unit = 0; unit < HIDDEN; unit += 1) {
      if (hidden[unit] <= 0) hidden[unit] = 0;
      else for (let k = 0; k < CLASSES; k += 1) probabilities[k] += hidden[unit] * outputWeights[unit * CLASSES + k];
    }
    softmax(probabilities);
  }

  /** The class that forward() found most probable. */
  answer() {
    return this.probabilities.indexOf(Math.max(...this.probabilities));
  }

  /** Adds what the image of the last forward() says about the weights, given its right class. */
  addGradient(label) {
    const { rows, light, lit, hidden, probabilities } = this;
    const hiddenGradient = this.hiddenWeights.gradient;
    const outputGradient = this.outputWeights.gradient;
    const outputWeights = this.outputWeights.values;

    const error = Float32Array.from(probabilities);
    error[label] -= 1;
    for (let k = 0; k < CLASSES; k += 1) this.outputBias.gradient[k] += error[k];

    // A unit at zero learns nothing from this image, so only the others are walked through below.
    const active = [];
    const hiddenError = [];
    for (let unit = 0; unit < HIDDEN; unit += 1) {
      if (hidden[unit] === 0) continue;
      let sum = 0;
      for (let k = 0; k < CLASSES; k += 1) {
        outputGradient[unit * CLASSES + k] += hidden[unit] * error[k];
        sum += outputWeights[unit * CLASSES + k] * error[k];
      }
      this.hiddenBias.gradient[unit] += sum;
      active.push(unit);
      hiddenError.push(sum);
    }
    for (let i = 0; i < lit; i += 1) {
      const row = rows[i];
      const brightness = light[i];
      for (let a = 0; a < active.length; a += 1) hiddenGradient[row + active[a]] += brightness * hiddenError[a];
    }
  }

  /** Moves the weights against the mean of the gradients added since the last step. */
  step(batchSize) {
    this.steps += 1;
    // Adam's means begin at zero and are too small at first; this makes up for it.
    const rate = (this.learningRate * Math.sqrt(1 - 0.999 ** this.steps)) / (1 - 0.9 ** this.steps);
    for (const weights of [this.hiddenWeights, this.hiddenBias, this.outputWeights, this.outputBias]) {
      weights.step(rate, batchSize);
    }
  }

  toJSON() {
    return {
      layers: [INPUTS, HIDDEN, CLASSES],
      hiddenWeights: [...this.hiddenWeights.values],
      hiddenBias: [...this.hiddenBias.values],
      outputWeights: [...this.outputWeights.values],
      outputBias: [...this.outputBias.values],
    };
  }

  #collectLight(image) {
    let lit = 0;
    for (let pixel = 0; pixel < INPUTS; pixel += 1) {
      if (image[pixel] === 0) continue;
      this.rows[lit] = pixel * HIDDEN;
      this.light[lit] = image[pixel] / 255;
      lit += 1;
    }
    // Filled up with darkness, which adds nothing. 784 is a multiple of four, so there is room.
    while (lit % 4 !== 0) {
      this.rows[lit] = 0;
      this.light[lit] = 0;
      lit += 1;
    }
    this.lit = lit;
  }
}

/** Numbers that are learned, with the sum of their gradients and Adam's running means of it and of its square. */
class Weights {
  constructor(size, deviation, random) {
    this.values = new Float32Array(size).map(() => deviation * normal(random));
    this.gradient = new Float32Array(size);
    this.mean = new Float32Array(size);
    this.square = new Float32Array(size);
  }

  step(rate, batchSize) {
    const { values, gradient, mean, square } = this;
    for (let i = 0; i < values.length; i += 1) {
      const slope = gradient[i] / batchSize;
      mean[i] += 0.1 * (slope - mean[i]);
      square[i] += 0.001 * (slope * slope - square[i]);
      values[i] -= (rate * mean[i]) / (Math.sqrt(square[i]) + 1e-8);
    }
    gradient.fill(0);
  }
}

function softmax(scores) {
  const largest = Math.max(...scores); // taken off, so that exp() never overflows
  let sum = 0;
  for (let k = 0; k < scores.length; k += 1) {
    scores[k] = Math.exp(scores[k] - largest);
    sum += scores[k];
  }
  for (let k = 0; k < scores.length; k += 1) scores[k] /= sum;
}
