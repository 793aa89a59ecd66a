// A client made with Node's ws, told line by line what to do; see people.rs.

const readline = require("node:readline");
const { WebSocket } = require(process.env.WS_MODULE);

const ws = new WebSocket(process.argv[2], { perMessageDeflate: false });

ws.on("open", () => {
  console.log("open");
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const [command, ...words] = line.split(" ");
    const rest = words.join(" ");
    if (command === "say") ws.send(rest);
    else if (command === "ping") ws.ping();
    else if (command === "close") ws.close(Number(words[0]), words.slice(1).join(" "));
  });
});
ws.on("message", (data) => console.log(`heard ${data}`));
ws.on("pong", () => console.log("pong"));
ws.on("error", (error) => console.log(`error ${error.message}`));
ws.on("close", (code, reason) => {
  console.log(`closed ${code} ${reason}`.trimEnd());
  process.exit(0);
});
