// Between AssemblyScript's values and those of the canonical ABI. What the host hands over was made by `cabi_realloc` on the
// raw heap: it is copied into a managed value, and freed. What is answered is made there, too, and freed after the host has
// read it.

/** Where imports answer. */
export const ANSWER: usize = memory.data(16, 8);

/** For the host, through the export `cabi_realloc`. */
export function realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (size == 0) return align;
  return old == 0 || oldSize == 0 ? heap.alloc(size) : heap.realloc(old, size);
}

export function free(at: usize, size: u32): void {
  if (size) heap.free(at);
}

export function utf8(text: string): ArrayBuffer {
  // Halves of surrogate pairs are no UTF-8.
  return String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE);
}

/** A list of bytes, taken over. */
export function takeBytes(at: usize, size: u32): Uint8Array {
  const bytes = new Uint8Array(size);
  memory.copy(bytes.dataStart, at, size);
  free(at, size);
  return bytes;
}

/** A text, taken over. */
export function takeText(at: usize, size: u32): string {
  const text = String.UTF8.decodeUnsafe(at, size);
  free(at, size);
  return text;
}

/** The text whose pointer and length stand here, taken over. */
export function textAt(at: usize): string {
  return takeText(load<usize>(at), load<u32>(at, 4));
}

/** A copy on the raw heap, its pointer and length written here. */
export function putBytes(at: usize, bytes: Uint8Array): void {
  put(at, bytes.dataStart, bytes.length);
}

export function putText(at: usize, text: string): void {
  const bytes = utf8(text);
  put(at, changetype<usize>(bytes), bytes.byteLength);
}

function put(at: usize, from: usize, size: u32): void {
  const copy = size ? heap.alloc(size) : 1;
  memory.copy(copy, from, size);
  store<usize>(at, copy);
  store<u32>(at, size, 4);
}

/** Frees what `putBytes` or `putText` wrote here. */
export function freeAt(at: usize): void {
  free(load<usize>(at), load<u32>(at, 4));
}

/** The text of a call's `option<string>`, or null. */
export function answeredText(): string | null {
  return load<u8>(ANSWER) ? textAt(ANSWER + 4) : null;
}

/** The bytes of a call's `option<list<u8>>`, or null. */
export function answeredBytes(): Uint8Array | null {
  return load<u8>(ANSWER) ? takeBytes(load<usize>(ANSWER, 4), load<u32>(ANSWER, 8)) : null;
}
