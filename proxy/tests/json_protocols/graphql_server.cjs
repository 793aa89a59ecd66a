// A GraphQL server by graphql-ws, which tells what kinds of messages it gets. usage: graphql_server.cjs PORT
const { buildSchema } = require("graphql");
const { useServer } = require("graphql-ws/use/ws");
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), path: "/graphql" });
const schema = buildSchema("type Query { hello: String }");
useServer({ schema, roots: { query: { hello: () => "hi" } } }, server);
server.on("connection", (socket) => {
  socket.on("message", (data) => console.log("got", JSON.parse(data).type));
});
server.on("listening", () => console.log("listening"));
