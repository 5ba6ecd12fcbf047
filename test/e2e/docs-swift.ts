import { RawSwift } from "../servers/raw-swift.ts";
import { startSwiftKeystone } from "../servers/swift-keystone.ts";
import type { Names } from "./docs-output.ts";
import type { Page } from "./docs-page.ts";

/** A real Swift with the containers that the page's manifest names; its login has the names that the page uses. */
export async function startSwift(page: Page, names: Names, stack: AsyncDisposableStack): Promise<void> {
  const server = stack.use(await startSwiftKeystone());
  const raw = await RawSwift.login(server);
  const files = page.blocks.flatMap((block) => (block.kind === "file" ? [block.text] : []));
  for (const container of new Set(files.join("\n").match(/(?<=bucket: )\S+/g))) {
    await raw.send("PUT", container);
    if (container.endsWith("-data")) await raw.send("PUT", `${container}/train.csv`, "1,2\n3,4\n");
  }
  names.learn(server.authUrl.replace("/v3", ""), "https://identity.example.com");
  names.learn(server.password, "EXAMPLEPASSWORD");
  names.learn(server.projectId, "0123456789abcdef0123456789abcdef");
}
