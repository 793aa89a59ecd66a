// The demo in a real browser, in two tabs: chat, crash, hold, return, flood, no token, and the circuit breaker; then
// pictures of the page. Usage: node browser.cjs URL FOLDER, with playwright-core in NODE_PATH and a browser in CHROMIUM.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const { chromium } = require("playwright-core");

const [url, folder] = process.argv.slice(2);
const PATIENCE = 45_000;

// What the page of a tab shows.
const state = (tab) => tab.textContent("#state");
const events = (tab) => tab.textContent("#events");
const proof = (tab) => tab.textContent("#proof");
const numbered = (tab) =>
  tab.$$eval("#messages li", (items) =>
    items
      .map((item) => ({ number: item.querySelector(".number").textContent, text: item.querySelector(".text span").textContent }))
      .filter(({ number }) => number.startsWith("#")));
const ticks = (tab, kind) => tab.$$eval(`#messages .tick.${kind}`, (items) => items.length);
const beats = async (tab) => {
  const shown = (await tab.textContent("#beats")).match(/(\d+) of (\d+) heartbeats answered(?:, (\d+) of them)?/);
  const [answered, sent, away] = (shown ?? []).slice(1).map((count) => Number(count ?? 0));
  return { answered: answered ?? 0, sent: sent ?? 0, away: away ?? 0 };
};

async function until(what, holds) {
  const end = Date.now() + PATIENCE;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `in vain: ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

async function say(tab, text) {
  await tab.fill("#text", text);
  await tab.keyboard.press("Enter");
}

const steps = {
  async "two tabs chat"({ ada, grace }) {
    await say(ada, "hello, grace");
    await until("grace hears ada", async () => (await numbered(grace)).some(({ text }) => text === "hello, grace"));
    await say(grace, "hello, ada");
    await until("ada hears grace", async () => (await numbered(ada)).some(({ text }) => text === "hello, ada"));
    assert.equal(await ticks(ada, "delivered"), 1);
    assert.deepEqual(await grace.$$eval("#messages b", (names) => names.map((name) => name.textContent)), ["ada", "grace"]);
  },

  async "a crash holds both tabs, and everything typed arrives once, in order"({ ada, grace, picture }) {
    await ada.click("#crash");
    for (const tab of [ada, grace]) await until("both tabs hold", async () => (await state(tab)) === "holding");
    for (let i = 1; i <= 3; i++) {
      await say(ada, `ada kept ${i}`);
      await say(grace, `grace kept ${i}`);
    }
    assert.equal(await ticks(ada, "held"), 3);
    assert.equal(await ticks(grace, "held"), 3);
    await until("a heartbeat is answered meanwhile", async () => (await beats(ada)).away > 0);
    await picture("holding");
    for (const tab of [ada, grace]) {
      await until("both tabs are connected", async () => (await state(tab)) === "connected");
      await until("nothing is left held", async () => (await ticks(tab, "held")) === 0);
      await until("all arrived", async () => (await numbered(tab)).length === 8);
    }
    const heard = await numbered(ada);
    assert.deepEqual(heard, await numbered(grace), "both tabs have the same in the same order");
    assert.deepEqual(heard.map(({ number }) => number), [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `#${number}`));
    for (const name of ["ada", "grace"]) {
      const theirs = heard.map(({ text }) => text).filter((text) => text.startsWith(`${name} kept`));
      assert.deepEqual(theirs, [1, 2, 3].map((i) => `${name} kept ${i}`), "once, and in order");
    }
    for (const tab of [ada, grace]) {
      assert.match(await proof(tab), /^8 messages in this room, each once, in order, none missing$/);
      assert.doesNotMatch(await events(tab), /closed|not answered/);
    }
  },

  async "a flood meets the rate limit"({ ada, grace, picture }) {
    await ada.click("#flood");
    await until("the rate limiter answers", async () => /rate limiter refused/.test(await events(ada)));
    await until("each message is delivered or refused", async () => (await ticks(ada, "delivered")) + (await ticks(ada, "refused")) === 104);
    const refused = await ticks(ada, "refused");
    assert.ok(refused > 20 && refused < 100, `${refused} of 100 refused`);
    assert.equal((await numbered(grace)).length, 8 + 100 - refused, "the others have been heard");
    assert.match(await proof(ada), /none missing$/);
    await picture("flood");
  },

  async "a stranger gets 401"({ ada }) {
    await ada.click("#stranger");
    await until("the stranger's answer", async () => /the stranger was/.test(await events(ada)));
    assert.match(await events(ada), /the stranger was told: 401/);
  },

  async "the circuit breaker answers for a backend that keeps failing"({ ada, picture }) {
    await ada.click("#fail");
    await until("the circuit opens", async () => /the circuit is open/.test(await events(ada)));
    await say(ada, "is anybody there?");
    await until("the breaker's answer", async () => /the circuit breaker answers/.test(await events(ada)));
    await picture("breaker");
    await until("the backend is back", async () => (await state(ada)) === "connected");
    await until("the circuit closes", async () => {
      await say(ada, "and now?");
      await new Promise((wake) => setTimeout(wake, 1000));
      return (await numbered(ada)).some(({ text }) => text === "and now?");
    });
  },

  async "all heartbeats were answered, and no tab was ever closed"({ ada, grace }) {
    for (const tab of [ada, grace]) {
      const { answered, sent } = await beats(tab);
      assert.ok(sent >= 5 && sent - answered <= 1, `${answered} of ${sent}`);
      assert.doesNotMatch(await events(tab), /closed with|not answered|is missing/);
    }
  },
};

async function main() {
  fs.mkdirSync(folder, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
  try {
    const open = async (name, options) => {
      const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
      const tab = await context.newPage();
      tab.on("pageerror", (error) => { throw error; });
      await tab.goto(`${url}?name=${name}`);
      await until(`${name} is connected`, async () => (await state(tab)) === "connected");
      return tab;
    };
    const ada = await open("ada", { colorScheme: "light" });
    const grace = await open("grace", { colorScheme: "dark", viewport: { width: 390, height: 800 } });
    const picture = async (name) => {
      await ada.screenshot({ path: `${folder}/${name}-light.png` });
      await grace.screenshot({ path: `${folder}/${name}-dark-narrow.png`, fullPage: true });
    };
    for (const [name, step] of Object.entries(steps)) {
      const began = Date.now();
      try {
        await step({ ada, grace, picture });
      } catch (error) {
        await picture("failed");
        console.error(`ada: ${await state(ada)}; ${await events(ada)}\ngrace: ${await state(grace)}; ${await events(grace)}`);
        throw new Error(`${name}: ${error.message}`, { cause: error });
      }
      console.log(`ok   ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    }
    const radia = await open("radia", { colorScheme: "dark" });
    await radia.screenshot({ path: `${folder}/newcomer-dark.png` });
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
