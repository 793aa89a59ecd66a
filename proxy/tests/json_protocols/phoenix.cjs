// The client of Phoenix channels, with a heartbeat every 50 ms; one without an answer by the next ends its connection. Told
// line by line what to push. usage: phoenix.cjs URL VERSION
const { Socket } = require("phoenix");

const [url, vsn] = process.argv.slice(2);
// What clients of version 1 did, and this one leaves to its user.
const objects = {
  encode: (message, done) => done(JSON.stringify(message)),
  decode: (text, done) => done(JSON.parse(text)),
};
const socket = new Socket(url, {
  transport: require("ws"),
  vsn,
  ...(vsn === "1.0.0" ? objects : {}),
  heartbeatIntervalMs: 50,
  logger: (kind, what, data) => {
    if (kind === "transport" && what === "heartbeat timeout. Attempting to re-establish connection") console.log("no answer");
  },
});
let answers = 0;
socket.onMessage(({ topic, event, payload }) => {
  if (topic === "phoenix" && event === "phx_reply" && payload.status === "ok" && ++answers === 20) console.log("20 answers");
});
socket.onOpen(() => console.log("open"));
socket.onClose(() => console.log("closed"));
socket.connect();

require("readline").createInterface({ input: process.stdin }).on("line", (event) => {
  socket.push({ topic: "room:1", event, payload: {}, ref: socket.makeRef(), join_ref: null });
});
