// What the language's runtime asks of its surroundings, answered by the host. The build names these to the compiler.

import { utf8 } from "./abi";
import * as imports from "./imports";

const ERROR: u32 = 3;

/** An error that nobody can catch: told, and then a trap. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message == null ? "abort" : message;
  const where = file == null ? "" : " at " + file + ":" + line.toString() + ":" + column.toString();
  const bytes = utf8(what + where);
  imports.log(ERROR, changetype<usize>(bytes), bytes.byteLength);
  unreachable();
}

/** What `Math.random` begins with. */
export function seed(): f64 {
  return reinterpret<f64>((imports.random() >> 12) | 0x3ff0000000000000);
}
