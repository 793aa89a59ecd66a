// Takes a word out of what clients say.

import { Filter, Interest, Json, JsonKind, Message, Session, Subscription, Verdict, bytesOf, host, serve } from "belay-filter/assembly";

/** What is kept of a session. */
class Client extends Session {
  masked: u32 = 0;
}

class MyFilter extends Filter {
  private word: string = "";

  configure(config: Json): string | null {
    const unknown = config.unknown(["word"]);
    if (unknown != null) return unknown + ": there is no such field";
    const word = config.get("word");
    if (word == null || word.kind != JsonKind.Text || word.text == "") return "word: a text";
    this.word = word.text;
    return null;
  }

  subscription(): Subscription {
    const asked = new Subscription();
    asked.toBackend = Interest.whole();
    return asked;
  }

  newSession(): Session {
    return new Client();
  }

  onMessage(session: Session, message: Message): Verdict {
    const text = message.text();
    if (text == null || !text.includes(this.word)) return Verdict.pass();
    (<Client>session).masked++;
    host.count("masked");
    return Verdict.replace(bytesOf(text.replaceAll(this.word, "***")));
  }
}

serve(new MyFilter());
export * from "belay-filter/assembly/exports";
