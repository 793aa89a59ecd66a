// What the YAML says.

import { Json, JsonKind, bytesOf } from "belay-filter/assembly";
import { lower } from "./mask";

export class Config {
  /** In lower case. */
  words: Uint8Array[] = [];
  noticeAfter: u32 = 3;
  closeAfter: u32 = 10;
  perMinute: u32 = 600;
  /** What is wrong with it, if anything is. */
  complaint: string | null = null;

  constructor(json: Json) {
    const unknown = json.unknown(["words", "notice_after", "close_after", "per_minute"]);
    if (unknown != null) this.complaint = unknown + ": there is no such field";
    this.readWords(json.get("words"));
    this.noticeAfter = this.count(json, "notice_after", this.noticeAfter);
    this.closeAfter = this.count(json, "close_after", this.closeAfter);
    this.perMinute = this.count(json, "per_minute", this.perMinute);
  }

  private readWords(json: Json | null): void {
    if (json == null || json.kind != JsonKind.List || json.items.length == 0) {
      this.complain("words: a list of one word at least");
      return;
    }
    for (let i = 0; i < json.items.length; i++) {
      const word = bytesOf(json.items[i].text).map((byte) => lower(byte));
      const isAscii = word.every((byte) => byte < 0x80);
      if (json.items[i].kind != JsonKind.Text || word.length == 0 || !isAscii) this.complain("words: words of ASCII, and not empty");
      this.words.push(word);
    }
  }

  private count(json: Json, name: string, byDefault: u32): u32 {
    const field = json.get(name);
    if (field == null) return byDefault;
    const number = field.whole(1);
    if (number < 1 || number > <i64>u32.MAX_VALUE) this.complain(name + ": a whole number from 1");
    return <u32>number;
  }

  private complain(complaint: string): void {
    if (this.complaint == null) this.complaint = complaint;
  }
}
