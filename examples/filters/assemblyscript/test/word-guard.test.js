import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "belay-filter/testing";

const WORD_GUARD = "build/word-guard.core.wasm";

const config = { words: ["darn", "heck"] };

test("words are masked wherever they stand", () => {
  const ann = new Bench(WORD_GUARD, config).connect("/chat?name=ann");
  deepEqual(ann.attributes, { user: "ann" });
  deepEqual(ann.toBackend("What the HECK, ça DaRnés…"), { replace: "What the ****, ça ****és…" });
  deepEqual(ann.toBackend("well"), { continue: true });
});

test("who does not say who they are is not let in", () => {
  equal(new Bench(WORD_GUARD, config).connect("/chat").admission.refuse.status, 400);
});

test("strikes survive a reload, and the third is answered", () => {
  const bench = new Bench(WORD_GUARD, config);
  const ann = bench.connect("/chat?name=ann");
  ann.toBackend("darn");
  ann.toBackend("darn");
  deepEqual(bench.reload(config), []);
  deepEqual(ann.toBackend("darn"), { reply: "word-guard: mind your words, ann (3 so far)" });
  equal(bench.counter("masked"), 3);
});

test("an address has so many messages a minute", () => {
  const bench = new Bench(WORD_GUARD, { ...config, per_minute: 1 });
  const ann = bench.connect("/chat?name=ann");
  deepEqual(ann.toBackend("well"), { continue: true });
  deepEqual(ann.toBackend("well"), { reply: "word-guard: too many messages" });
  bench.advance(60_000);
  deepEqual(ann.toBackend("well"), { continue: true });
});

test("its config is read with care", () => {
  throws(() => new Bench(WORD_GUARD, {}), /^Error: words: a list/);
  throws(() => new Bench(WORD_GUARD, { words: [] }), /^Error: words: /);
  throws(() => new Bench(WORD_GUARD, { ...config, notice_after: 0 }), /^Error: notice_after: /);
  throws(() => new Bench(WORD_GUARD, { ...config, notice_afer: 3 }), /^Error: notice_afer: there is no such field/);
});
