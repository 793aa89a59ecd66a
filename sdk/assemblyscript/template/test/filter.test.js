import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "belay-filter/testing";

const FILTER = "build/my-filter.core.wasm";

test("the word is taken out", () => {
  const client = new Bench(FILTER, { word: "darn" }).connect("/chat");
  deepEqual(client.toBackend("darn it"), { replace: "*** it" });
  deepEqual(client.toBackend("well"), { continue: true });
});

test("it does not start without a word", () => {
  throws(() => new Bench(FILTER, {}), /word: a text/);
});
