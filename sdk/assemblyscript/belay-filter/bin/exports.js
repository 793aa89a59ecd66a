// Renames the exports of a core module, in its binary form: AssemblyScript has identifiers, the world has names such as
// belay:filter/filter@0.1.0#on-message. Only the export section changes (WebAssembly core specification, section 5.5.10).

const EXPORTS = 7;
const PREFIX = "belay:filter/";
const VERSION = "@0.1.0";

/** What the world calls an exported function: filter_on_message is filter#on-message, post_… is called after it. */
export function worldName(name) {
  const [, post, exported, called] = /^(post_)?(filter|state)_(.+)$/.exec(name) ?? [];
  if (!exported) return name;
  return `${post ? "cabi_post_" : ""}${PREFIX}${exported}${VERSION}#${called.replaceAll("_", "-")}`;
}

/** The module with its exports renamed. */
export function renameExports(module, rename = worldName) {
  const parts = [module.subarray(0, 8)];
  for (let at = 8; at < module.length; ) {
    const id = module[at];
    const [size, content] = number(module, at + 1);
    const end = content + size;
    parts.push(id === EXPORTS ? section(id, renamed(module.subarray(content, end), rename)) : module.subarray(at, end));
    at = end;
  }
  return Buffer.concat(parts);
}

function renamed(exports, rename) {
  const parts = [];
  let [count, at] = number(exports, 0);
  parts.push(unsigned(count));
  for (; count > 0; count--) {
    const [length, start] = number(exports, at);
    const name = Buffer.from(rename(Buffer.from(exports.subarray(start, start + length)).toString()));
    // One byte says what is exported, then comes its index.
    const [, end] = number(exports, start + length + 1);
    parts.push(unsigned(name.length), name, exports.subarray(start + length, end));
    at = end;
  }
  return Buffer.concat(parts);
}

const section = (id, content) => Buffer.concat([Buffer.of(id), unsigned(content.length), content]);

/** An unsigned number in LEB128, and where it ends. */
function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= bytes.length) throw new Error("the module ends too soon");
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

function unsigned(value) {
  const bytes = [];
  do {
    const rest = Math.floor(value / 128);
    bytes.push((value % 128) | (rest ? 0x80 : 0));
    value = rest;
  } while (value);
  return Buffer.from(bytes);
}
