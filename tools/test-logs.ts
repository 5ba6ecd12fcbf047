// `npm run test:logs [-- --deep]`: counts the lines that arrive through kills and cut connections: ten million, or a hundred.
import { spawnSync } from "node:child_process";

const lines = process.argv.includes("--deep") ? "100000000" : "10000000";
const args = ["run", "--project", "e2e", "test/e2e/log-completeness.test.ts"];
const env = { ...process.env, TRAINYARD_LOG_LINES: lines };
process.exitCode = spawnSync("vitest", args, { stdio: "inherit", env }).status ?? 1;
