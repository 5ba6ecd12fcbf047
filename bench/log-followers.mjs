// Follows a log COUNT times as Server-Sent Events, in a process of its own, and prints how late each line came, in ms.
import { request } from "node:http";

const [url, token, count] = process.argv.slice(2);
const late = [];
let left = Number(count);
for (let i = 0; i < Number(count); i += 1) {
  request(url, { headers: { authorization: `Bearer ${token}` } }, (answer) => {
    let rest = "";
    answer.setEncoding("utf8");
    answer.on("data", (text) => {
      const now = performance.timeOrigin + performance.now();
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        // Within the JSON string a line end is written as backslash and n.
        for (const [, at] of block.matchAll(/@ (\d+\.\d+) \d+\\n/gu)) late.push(now - Number(at));
      }
    });
    answer.on("end", () => {
      left -= 1;
      if (left === 0) process.stdout.write(JSON.stringify(late));
    });
  }).end();
}
