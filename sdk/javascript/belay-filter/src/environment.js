// What JavaScript takes for granted and a component has not: the engine's clock is a trap, and its chance the same in each
// instance, as it was frozen when the component was built.

import { host } from "./host.js";
import { decode, encode } from "./text.js";

/** Once, in a component. */
export function furnish() {
  if (globalThis.console) return;
  const line = (write) => (...values) => write(values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(" "));
  globalThis.console = { debug: line(host.debug), log: line(host.info), info: line(host.info), warn: line(host.warn), error: line(host.error) };
  Math.random = host.random;
  const Frozen = Date;
  globalThis.Date = class Date extends Frozen {
    constructor(...given) {
      super(...(given.length === 0 ? [host.unixMs()] : given));
    }
    static now() {
      return host.unixMs();
    }
  };
  globalThis.performance = { now: host.nowMs };
  globalThis.TextEncoder ??= class TextEncoder {
    encoding = "utf-8";
    encode = (text = "") => encode(String(text));
  };
  globalThis.TextDecoder ??= class TextDecoder {
    encoding = "utf-8";
    decode(bytes = new Uint8Array()) {
      const text = decode(bytes);
      if (text === undefined) throw new TypeError("not UTF-8");
      return text;
    }
  };
}
