import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Tests wait for events with deadlines of their own; this is the net below them.
    testTimeout: 20_000,
    // A machine shared with others can stall a test past its deadline. What is wrong fails twice, and the report names
    // every test that needed its second try. On a developer's machine the first failure counts.
    retry: process.env["CI"] === "true" ? 1 : 0,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["{src,tools,test/unit,test/simulation}/**/*.test.ts"] },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: { name: "e2e", include: ["test/e2e/**/*.test.ts"], testTimeout: 180_000, fileParallelism: false },
      },
    ],
  },
});
