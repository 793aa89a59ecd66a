// What a filter does if it does not say otherwise: let everything pass.

export class Filter {
  get subscription() {
    return {};
  }

  newSession() {
    return undefined;
  }

  onHandshake() {}
  onHandshakeAnswer() {}
  onReopen() {}
  onMessage() {}
  onMessageAnswer() {}
  onUpstream() {}
  onHeartbeat() {}
  onTimer() {}
  onAnswer() {}
  onClose() {}

  snapshot() {
    return undefined;
  }

  restore() {
    throw new Error("this filter carries no state over");
  }
}
