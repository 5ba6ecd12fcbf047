/**
 * Trains a network with one hidden layer on MNIST or Fashion-MNIST with plain Node, without any package.
 *
 * It takes the flags and prints the lines of the TensorFlow program that users of 2017 submitted.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { readSet, UnusableFile } from "./input-data.mjs";
import { Network } from "./network.mjs";
import { createRandom, shuffle } from "./random.mjs";

const BATCH_SIZE = 128;
const DISPLAY_STEP = 10; // batches between two lines

function main() {
  const flags = readFlags();
  const resultFolder =
    process.env.RESULT_DIR ?? fail("Set RESULT_DIR to the folder that shall hold the trained model.");
  const training = read(flags.trainImagesFile, flags.trainLabelsFile);
  const test = read(flags.testImagesFile, flags.testLabelsFile);
  const modelFolder = join(resultFolder, "model");
  mkdirSync(modelFolder); // before the work: it fails where an earlier run left its model

  const random = createRandom(1); // the same data and flags give the same model
  const network = new Network(random, flags.learningRate);
  train(network, training, flags.trainingIters, random);
  console.log("Optimization Finished!");

  const right = countRight(network, test);
  console.log(`Testing Accuracy: ${(right / test.count).toFixed(4)}`);

  const modelFile = join(modelFolder, "model.json");
  writeFileSync(modelFile, JSON.stringify(network));
  console.log(`Model saved in file: ${modelFile}`);
}

function train(network, { count, image, labels }, trainingIters, random) {
  const indices = shuffledIndices(count, random);
  for (let seen = 0, step = 1; seen < trainingIters; step += 1) {
    const size = Math.min(BATCH_SIZE, trainingIters - seen);
    let loss = 0;
    let right = 0;
    for (let i = 0; i < size; i += 1) {
      const index = indices.next().value;
      const label = labels[index];
      network.forward(image(index));
      loss -= Math.log(network.probabilities[label] + 1e-12) / size;
      if (network.answer() === label) right += 1;
      network.addGradient(label);
    }
    network.step(size);
    seen += size;
    if (step % DISPLAY_STEP === 0) {
      const share = (right / size).toFixed(5);
      console.log(`Iter ${seen}, Minibatch Loss= ${loss.toFixed(6)}, Training Accuracy= ${share}`);
    }
  }
}

/** One index after the other, without end; every image once before any of them comes again. */
function* shuffledIndices(count, random) {
  for (;;) yield* shuffle(count, random);
}

function countRight(network, { count, image, labels }) {
  let right = 0;
  for (let index = 0; index < count; index += 1) {
    network.forward(image(index));
    if (network.answer() === labels[index]) right += 1;
  }
  return right;
}

function readFlags() {
  const text = { type: "string" };
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        trainImagesFile: text,
        trainLabelsFile: text,
        testImagesFile: text,
        testLabelsFile: text,
        learningRate: { type: "string", default: "0.001" },
        trainingIters: { type: "string", default: "60000" }, // images to train on, repeats counted
      },
    }));
  } catch (error) {
    return fail(error.message);
  }
  for (const name of ["trainImagesFile", "trainLabelsFile", "testImagesFile", "testLabelsFile"]) {
    if (values[name] === undefined) fail(`--${name} is missing.`);
  }
  const learningRate = Number(values.learningRate);
  const trainingIters = Number(values.trainingIters);
  if (!(learningRate > 0)) fail(`--learningRate must be a number above 0, not '${values.learningRate}'.`);
  if (!(Number.isInteger(trainingIters) && trainingIters >= 1)) {
    fail(`--trainingIters must be a whole number of at least 1, not '${values.trainingIters}'.`);
  }
  return { ...values, learningRate, trainingIters };
}

function read(imagesFile, labelsFile) {
  try {
    return readSet(imagesFile, labelsFile);
  } catch (error) {
    if (!(error instanceof UnusableFile)) throw error;
    return fail(`Cannot train: ${error.message}`);
  }
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

main();
