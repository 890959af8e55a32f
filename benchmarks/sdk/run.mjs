// Starts Sallyport with stand-ins of every dialect and runs the tests of the
// official JavaScript clients against it: node run.mjs PROGRAM [TEST FILE…].
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const program = resolve(process.argv[2]);
const tests = process.argv.length > 3 ? process.argv.slice(3) : readdirSync(here).filter((name) => name.endsWith(".test.mjs"));

const folder = mkdtempSync(join(tmpdir(), "sallyport-sdk-"));
cpSync(join(here, "sdk.hcl"), join(folder, "sdk.hcl"));
const key = randomUUID();
const service = spawn(program, ["serve", "-c", join(folder, "sdk.hcl"), "--log-level", "error"], {
  cwd: folder,
  env: { ...process.env, SALLYPORT_SDK_KEY: key },
  stdio: ["ignore", "pipe", "inherit"],
});
const ended = new Promise((done) => service.on("exit", done));

const address = await new Promise((found, failed) => {
  let banner = "";
  service.stdout.on("data", (text) => {
    banner += text;
    const at = banner.match(/requests {2}(http:\/\/\S+)\/v1\n/);
    if (at) found(at[1]);
  });
  service.on("exit", () => failed(new Error("sallyport did not start:\n" + banner)));
});

const runner = spawn(process.execPath, ["--test", "--test-reporter=spec", ...tests.map((name) => join(here, name))], {
  env: { ...process.env, SALLYPORT_URL: address, SALLYPORT_KEY: key },
  stdio: "inherit",
});
const code = await new Promise((done) => runner.on("exit", done));
service.kill("SIGTERM");
await ended;
rmSync(folder, { recursive: true });
process.exit(code ?? 1);
