import fc from "fast-check";
import { expect, test } from "vitest";
import { findInLine } from "./found-in-line.ts";

/** Lines as the frameworks' own loops and the examples of 2017 print them, with what a reader would see in them. */
const LINES: readonly (readonly [string, Record<string, number>, Record<string, number>])[] = [
  [
    "Iter 6400, Minibatch Loss= 0.79, Training Accuracy= 0.68",
    { iter: 6400 },
    { "Minibatch Loss": 0.79, "Training Accuracy": 0.68 },
  ],
  ["Epoch 3/10", { epoch: 3 }, {}],
  [
    "60/60 [====] - 1s 20ms/step - loss: 0.4533 - accuracy: 0.9123 - val_loss: 0.3",
    {},
    { loss: 0.4533, accuracy: 0.9123, val_loss: 0.3 },
  ],
  ["Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.123", { epoch: 1 }, { Loss: 2.123 }],
  ["step=10 loss=0.5 acc=nan", { step: 10 }, { loss: 0.5, acc: NaN }],
  ['{"step": 10, "loss": 0.5, "eval": {"auc": 0.9}, "done": true}', { step: 10 }, { loss: 0.5, "eval/auc": 0.9 }],
  ['{"step": 11, "loss": NaN, "grad_norm": -Infinity}', { step: 11 }, { loss: NaN, grad_norm: -Infinity }],
  ["epoch 5 train loss 0.33 test acc 91.2%", { epoch: 5 }, { "train loss": 0.33, "test acc": 0.912 }],
  ["Testing Accuracy: 0.97", {}, { "Testing Accuracy": 0.97 }],
  ["  3%|▎ | 3/100 [00:01<00:32, 2.9it/s, loss=0.123, lr=1e-3]", {}, { loss: 0.123, lr: 0.001 }],
  ["[1,  2000] loss: 2.189", {}, { loss: 2.189 }],
  ["I0301 12:30:45.123 solver.cpp:228] Iteration 100, loss = 2.3", { iteration: 100 }, { loss: 2.3 }],
  ["Adam(lr=0.1) loss=0.2", {}, { loss: 0.2 }],
  ["reward=-inf", {}, { reward: -Infinity }],
];

test.each(LINES)("the numbers of '%s' are found by their names", (line, positions, values) => {
  expect(findInLine(line)).toEqual({ positions, values });
});

/** Numbers that are no measurement: parameters, addresses, times, versions, counts. */
const SILENT = [
  "",
  "Optimization Finished!",
  "listening on port: 8080",
  "2018-03-01 12:30:45,123 INFO took: 3.2s",
  "Namespace(lr=0.001, batch_size=64)",
  "Extracting /data/train-images-idx3-ubyte.gz",
  "version: 1.12.0",
  "copied 1,024 files",
  '["step", 10]',
  '{"name": "mnist", "finished": true}',
];

test.each(SILENT)("nothing is found in '%s'", (line) => {
  expect(findInLine(line)).toBeNull();
});

test("a line with more names than anybody prints of measurements is left alone", () => {
  const dump = Array.from({ length: 51 }, (_, i) => `p${i}=${i}`).join(" ");
  expect(findInLine(dump)).toBeNull();
});

test("whatever stands in a line, numbers are all that comes out, and no name is a position's", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string({ unit: fc.constantFrom(...'ab =:,.0129-einf(){}"\n'.split("")) }),
      ),
      (line) => {
        const found = findInLine(line);
        for (const value of Object.values({ ...found?.values, ...found?.positions }))
          expect(typeof value).toBe("number");
        expect(Object.hasOwn(found?.values ?? {}, "step")).toBe(false);
      },
    ),
  );
});

/** Lines made to send a backtracking search through every way of reading them; each is as long as a line may be. */
const HOSTILE = [
  "a ".repeat(32_000) + "1",
  "loss ".repeat(12_800) + "1",
  "x".repeat(64_000) + "=1",
  "f(".repeat(32_000) + "1",
  "step ".repeat(12_800) + "=",
  "1".repeat(64_000) + "x",
  "=".repeat(64_000) + "1",
];

test.each(HOSTILE.map((line) => [line.slice(0, 12), line]))(
  "a long line of '%s…' takes no longer than it is long",
  (_, line) => {
    // Counted in reads of the whole line: what is quadratic would need hours, and the runner's own limit would end it.
    expect(() => findInLine(line)).not.toThrow();
  },
);
