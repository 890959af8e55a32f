// Runs the snippets of targets/README.md.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { key, models, url } from "./common.mjs";

const readme = readFileSync(new URL("../../targets/README.md", import.meta.url), "utf8");
const snippets = [...readme.matchAll(/```js\n([^]*?)```/g)].map((match) => match[1]);

test("there are snippets", () => assert.ok(snippets.length >= 5));

for (const [i, snippet] of snippets.entries()) {
  for (const model of models) {
    test(`snippet ${i + 1} ${model}`, () => {
      const code = snippet.replaceAll("http://127.0.0.1:8080", url).replaceAll("team-a-key", key).replaceAll('"auto"', JSON.stringify(model));
      assert.notEqual(code, snippet);
      // Beside this file, so that its imports are found.
      const file = fileURLToPath(new URL(`snippet-${process.pid}-${i}.mjs`, import.meta.url));
      writeFileSync(file, code);
      try {
        const said = execFileSync(process.execPath, [file], { encoding: "utf8" });
        assert.ok(said.includes("Hello"), said);
      } finally {
        rmSync(file);
      }
    });
  }
}
