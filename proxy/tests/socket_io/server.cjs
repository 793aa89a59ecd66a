// A Socket.IO server that counts its engine's packets: node server.cjs MODULE PORT PING_INTERVAL PING_TIMEOUT; see peers.rs.

const http = require("node:http");
const readline = require("node:readline");

const [module_, port, pingInterval, pingTimeout] = process.argv.slice(2);
const tell = (line) => console.log(line);

const server = http.createServer();
const options = { pingInterval: Number(pingInterval), pingTimeout: Number(pingTimeout) };
const io = require(module_)(server, options);
const counts = { pings_in: 0, pongs_in: 0, pings_out: 0, pongs_out: 0 };
const count = (way) => (packet) => {
  const name = `${packet.type}s_${way}`;
  // The probe of an upgrade is no heartbeat.
  if (name in counts && packet.data !== "probe") counts[name] += 1;
};

io.engine.on("connection", (socket) => {
  socket.on("packet", count("in"));
  socket.on("packetCreate", count("out"));
});
io.on("connection", (socket) => {
  socket.on("say", (text, answered) => {
    socket.emit("heard", text);
    answered();
  });
  socket.on("disconnect", (reason) => tell(`disconnected ${reason}`));
  tell("connected");
});

readline.createInterface({ input: process.stdin }).on("line", (order) => {
  if (order === "count") tell(JSON.stringify(counts));
  else if (order === "close") io.close();
});
server.listen(Number(port), "127.0.0.1", () => tell("listening"));
