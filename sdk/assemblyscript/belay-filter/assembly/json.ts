// Reads the config. The host hands over nothing but valid JSON, so this looks for what there is, and not for mistakes.

/** Deeper, and nothing is read. */
const DEPTH_MAX = 64;

export enum JsonKind {
  Null,
  Flag,
  Number,
  Text,
  List,
  Object,
}

/** A value of JSON. */
export class Json {
  flag: bool = false;
  number: f64 = 0;
  text: string = "";
  /** A list's items, an object's values. */
  items: Json[] = [];
  /** An object's names. */
  names: string[] = [];

  constructor(public kind: JsonKind) {}

  /** Null if it nests too deep. */
  static parse(text: string): Json | null {
    return new Reader(text).value(0);
  }

  /** The value of an object's field, or null. */
  get(name: string): Json | null {
    const index = this.names.indexOf(name);
    return index < 0 ? null : this.items[index];
  }

  /** The first field that is none of these, or null: a typing mistake, to be told to whoever made it. */
  unknown(known: string[]): string | null {
    for (let i = 0; i < this.names.length; i++) if (!known.includes(this.names[i])) return this.names[i];
    return null;
  }

  /** A whole number from `least` to 2^53; -1 if it is none. */
  whole(least: i64): i64 {
    const fits = this.kind == JsonKind.Number && this.number == Math.floor(this.number);
    return fits && this.number >= <f64>least && this.number <= 9007199254740992 ? <i64>this.number : -1;
  }
}

class Reader {
  private at: i32 = 0;

  constructor(private text: string) {}

  private next(): i32 {
    while (this.at < this.text.length && this.text.charCodeAt(this.at) <= 0x20) this.at++;
    return this.at < this.text.length ? this.text.charCodeAt(this.at) : 0;
  }

  value(depth: i32): Json | null {
    if (depth > DEPTH_MAX) return null;
    switch (this.next()) {
      case 0x7b: // {
        return this.members(new Json(JsonKind.Object), 0x7d, depth);
      case 0x5b: // [
        return this.members(new Json(JsonKind.List), 0x5d, depth);
      case 0x22: { // "
        const text = new Json(JsonKind.Text);
        text.text = this.quoted();
        return text;
      }
      case 0x74: // t
      case 0x66: { // f
        const flag = new Json(JsonKind.Flag);
        flag.flag = this.text.charCodeAt(this.at) == 0x74;
        this.at += flag.flag ? 4 : 5;
        return flag;
      }
      case 0x6e: // n
        this.at += 4;
        return new Json(JsonKind.Null);
      default: {
        const start = this.at;
        while (this.at < this.text.length && "+-.eE0123456789".includes(this.text.charAt(this.at))) this.at++;
        if (this.at == start) return null;
        const number = new Json(JsonKind.Number);
        number.number = F64.parseFloat(this.text.substring(start, this.at));
        return number;
      }
    }
  }

  private members(made: Json, end: i32, depth: i32): Json | null {
    this.at++;
    while (this.next() != end) {
      if (this.next() == 0) return null;
      if (this.next() == 0x2c) this.at++; // ,
      if (made.kind == JsonKind.Object) {
        this.next();
        made.names.push(this.quoted());
        this.next();
        this.at++; // :
      }
      const item = this.value(depth + 1);
      if (item == null) return null;
      made.items.push(item);
    }
    this.at++;
    return made;
  }

  private quoted(): string {
    let text = "";
    this.at++;
    let start = this.at;
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code == 0x22) break;
      if (code != 0x5c) continue;
      text += this.text.substring(start, this.at);
      this.at++;
      const escaped = this.text.charAt(this.at);
      if (escaped == "u") {
        text += String.fromCharCode(<i32>parseInt(this.text.substring(this.at + 1, this.at + 5), 16));
        this.at += 4;
      } else {
        const index = "bfnrt".indexOf(escaped);
        text += index < 0 ? escaped : "\b\f\n\r\t".charAt(index);
      }
      start = this.at + 1;
    }
    text += this.text.substring(start, this.at);
    this.at++;
    return text;
  }
}
