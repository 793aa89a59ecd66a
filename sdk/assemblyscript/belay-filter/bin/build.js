#!/usr/bin/env node
// belay-filter-as ENTRY.ts CORE.wasm [asc's options]: compiles a filter to a core module whose exports are the world's. `belay
// filter build` makes a component of it. The compiler is the project's own, in the version that it names.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { spawnSync } from "node:child_process";
import { renameExports } from "./exports.js";

const [entry, output, ...options] = process.argv.slice(2);
if (!entry || !output) {
  console.error("usage: belay-filter-as ENTRY.ts CORE.wasm [asc's options]");
  process.exit(2);
}
const asc = resolve("node_modules/assemblyscript/bin/asc.js");
if (!existsSync(asc)) {
  console.error("assemblyscript is not there: npm install --save-dev assemblyscript");
  process.exit(1);
}
mkdirSync(dirname(resolve(output)), { recursive: true });
const environment = "~lib/belay-filter/assembly/environment";
const fixed = ["-O3", "--shrinkLevel", "1", "--converge", "--runtime", "incremental"];
const uses = ["--use", `abort=${environment}/abort`, "--use", `seed=${environment}/seed`];
const { status } = spawnSync(process.execPath, [asc, entry, ...fixed, ...uses, "-o", output, ...options], { stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);
writeFileSync(output, renameExports(readFileSync(output)));
