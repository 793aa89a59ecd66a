#!/usr/bin/env node
// belay-filter-js SOURCE OUTPUT.wasm: bundles a filter and makes a component of it. esbuild and componentize-qjs are the
// project's own, in the versions that it names.

import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [source, output] = process.argv.slice(2);
if (!source || !output) {
  console.error("usage: belay-filter-js SOURCE OUTPUT.wasm");
  process.exit(2);
}
const project = createRequire(resolve("package.json"));
const wanted = (name) => {
  try {
    return project(name);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    console.error(`${name} is not there: npm install --save-dev ${name}`);
    process.exit(1);
  }
};
const esbuild = wanted("esbuild");
const { componentize } = wanted("componentize-qjs");

await mkdir(dirname(resolve(output)), { recursive: true });
const bundle = join(dirname(resolve(output)), `${basename(output, ".wasm")}.js`);
const made = await esbuild
  .build({
    entryPoints: [source],
    outfile: bundle,
    bundle: true,
    format: "esm",
    target: "es2023",
    conditions: ["belay"],
    external: ["belay:*"],
    logLevel: "warning",
  })
  .catch(() => process.exit(1));
for (const { text } of made.warnings) console.error(text);

/** The world: beside this package in a project, beside the languages' folders in Belay's repository. */
const witPath = ["../../wit", "../../../wit"].map((folder) => fileURLToPath(new URL(folder, import.meta.url))).find(existsSync);
const { component } = await componentize({
  witPath,
  world: "stateful-filter",
  jsSource: await readFile(bundle, "utf8"),
  jsPath: bundle,
  stubWasi: true,
  sync: true,
});
await writeFile(output, component);
