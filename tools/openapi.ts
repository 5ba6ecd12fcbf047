// Writes openapi.json from the route contract. A test compares the two, so a change of the API is seen in review.
import { writeFile } from "node:fs/promises";
import manifest from "../package.json" with { type: "json" };
import { describeApi } from "../src/server/openapi.ts";

const document = await describeApi(manifest.version);
await writeFile(new URL("../openapi.json", import.meta.url), `${JSON.stringify(document, null, 2)}\n`);
