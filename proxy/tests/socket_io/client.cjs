// Socket.IO clients that count their engines' packets: node client.cjs MODULE URL CLIENTS TRANSPORTS; see peers.rs.

const readline = require("node:readline");

const [module_, url, clients, transports] = process.argv.slice(2);
const io = require(module_);
const tell = (line) => console.log(line);

const counts = { pings_in: 0, pongs_in: 0, pings_out: 0, pongs_out: 0 };
const count = (way) => (packet) => {
  const name = `${packet.type}s_${way}`;
  if (name in counts && packet.data !== "probe") counts[name] += 1;
};

const sockets = Array.from({ length: Number(clients) }, () => {
  const socket = io(url, { forceNew: true, reconnection: false, transports: transports.split(",") });
  const engine = socket.io.engine;
  engine.on("packet", count("in"));
  engine.on("packetCreate", count("out"));
  engine.on("upgrade", (transport) => tell(`upgraded to ${transport.name}`));
  socket.on("connect", () => tell("connected"));
  socket.on("connect_error", (error) => tell(`refused ${error.message}`));
  socket.on("heard", (text) => tell(`heard ${text}`));
  socket.on("disconnect", (reason) => tell(`disconnected ${reason}`));
  return socket;
});

readline.createInterface({ input: process.stdin }).on("line", (order) => {
  const [command, text] = order.split(" ");
  if (command === "count") tell(JSON.stringify(counts));
  // The answer comes after the event that the server sends in return.
  else if (command === "say") for (const socket of sockets) socket.emit("say", text, () => tell(`answered ${text}`));
});
