// The program whose slowdown is measured: a fixed amount of arithmetic with a line of output for each round, as a
// training prints them. Leaves behind how long the rounds took, by the clock and in CPU time.
import { writeFileSync } from "node:fs";

const [rounds, target] = [Number(process.argv[2]), process.argv[3]];
const SIZE = 160;
const a = Float64Array.from({ length: SIZE * SIZE }, (_, i) => (i % 7) / 7);
const b = Float64Array.from({ length: SIZE * SIZE }, (_, i) => (i % 11) / 11);

function multiply() {
  let sum = 0;
  for (let row = 0; row < SIZE; row += 1) {
    for (let column = 0; column < SIZE; column += 1) {
      let cell = 0;
      for (let k = 0; k < SIZE; k += 1) cell += a[row * SIZE + k] * b[k * SIZE + column];
      sum += cell;
    }
  }
  return sum;
}

const startMs = performance.now();
const startCpu = process.cpuUsage();
for (let round = 1; round <= rounds; round += 1) console.log(`Iter ${round}, Minibatch Loss= ${multiply().toFixed(6)}`);
const { user, system } = process.cpuUsage(startCpu);
writeFileSync(target, JSON.stringify({ loopMs: performance.now() - startMs, loopCpuMs: (user + system) / 1000 }));
