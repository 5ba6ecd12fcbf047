// npm chooses the newest versions that fit the Node it runs on. Run it on the pinned Node, so that
// `npm run deps -- install --save-exact NAME` gives what this project is developed with.
import { spawnSync } from "node:child_process";
import { dirname, delimiter } from "node:path";

const npm = process.env.npm_execpath;
if (npm === undefined) throw new Error("Run this through npm: npm run deps -- install --save-exact NAME");
const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
process.exitCode = spawnSync(process.execPath, [npm, ...process.argv.slice(2)], { stdio: "inherit", env }).status ?? 1;
