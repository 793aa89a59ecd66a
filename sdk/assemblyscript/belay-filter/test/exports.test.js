import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { renameExports, worldName } from "../bin/exports.js";

/** (module (func (export "filter_on_message")) (memory (export "memory") 1) (func (export "post_state_snapshot"))) */
const module = Buffer.concat([
  Buffer.from("0061736d01000000", "hex"),
  Buffer.from("010401600000", "hex"),
  Buffer.from("0303020000", "hex"),
  Buffer.from("0503010001", "hex"),
  Buffer.from([7, 1 + 20 + 9 + 22, 3]),
  Buffer.from([17]), Buffer.from("filter_on_message"), Buffer.from([0, 0]),
  Buffer.from([6]), Buffer.from("memory"), Buffer.from([2, 0]),
  Buffer.from([19]), Buffer.from("post_state_snapshot"), Buffer.from([0, 1]),
  Buffer.from("0a070202000b02000b", "hex"),
]);

test("names are those of the world, and others stay", () => {
  equal(worldName("filter_on_handshake_answer"), "belay:filter/filter@0.1.0#on-handshake-answer");
  equal(worldName("post_state_snapshot"), "cabi_post_belay:filter/state@0.1.0#snapshot");
  for (const name of ["memory", "cabi_realloc", "filters"]) equal(worldName(name), name);
});

test("a module with other names is the same module", () => {
  const names = (bytes) => WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(({ name, kind }) => `${kind} ${name}`);
  deepEqual(names(module), ["function filter_on_message", "memory memory", "function post_state_snapshot"]);
  deepEqual(names(renameExports(module)), [
    "function belay:filter/filter@0.1.0#on-message",
    "memory memory",
    "function cabi_post_belay:filter/state@0.1.0#snapshot",
  ]);
  deepEqual(renameExports(module, (name) => name), module);
});

test("a section that grows past what one byte counts stays readable", () => {
  const long = "x".repeat(20_000);
  const renamed = new WebAssembly.Module(renameExports(module, (name) => name + long));
  equal(WebAssembly.Module.exports(renamed)[0].name, `filter_on_message${long}`);
});

test("what is no whole module is refused", () => {
  for (const end of [9, 40, 70]) throws(() => renameExports(module.subarray(0, end)), /ends too soon/, String(end));
});
