// A GraphQL client by graphql-ws that pings every 50 ms and takes a pong that does not come within 2 s for the end, as its
// authors recommend. Told line by line what to do (`ask`). usage: graphql_client.cjs URL
const { createClient } = require("graphql-ws");

let pongs = 0;
let late;
const client = createClient({
  url: process.argv[2],
  webSocketImpl: require("ws"),
  lazy: false,
  retryAttempts: 0,
  keepAlive: 50,
  on: {
    connected: () => console.log("connected"),
    closed: (event) => console.log("closed", event.code),
    ping: (received) => {
      if (!received) late = setTimeout(() => console.log("no pong"), 2000);
    },
    pong: (received) => {
      if (!received) return;
      clearTimeout(late);
      if (++pongs === 20) console.log("20 pongs");
    },
  },
});

require("readline").createInterface({ input: process.stdin }).on("line", () => {
  client.subscribe(
    { query: "{ hello }" },
    { next: (answer) => console.log("heard", answer.data.hello), error: console.error, complete: () => {} },
  );
});
