// The dashboard as its user has it: numbers, a search, pages, one session opened and closed, all of it by keyboard too; then
// pictures. Usage: node browser.cjs URL FOLDER, with playwright-core in NODE_PATH and a browser in CHROMIUM.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [url, folder] = process.argv.slice(2);
const PATIENCE = 20_000;

async function until(what, holds) {
  const end = Date.now() + PATIENCE;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `in vain: ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

const steps = {
  async "numbers come and are alive"(page) {
    await until("the phase", async () => (await page.textContent("#phase")) === "serving");
    await until("the sessions", async () => (await page.textContent("#cards")).includes("60"));
    await until("a backend", async () => (await page.textContent("#backends")).includes("up"));
    await until("the filter", async () => (await page.textContent("#filters")).includes("limit"));
    await until("a round trip", async () => (await page.getAttribute("#client-trips", "aria-label")).includes("≤"));
  },

  async "a page of sessions, and the next"(page) {
    await until("rows", async () => (await page.$$("#rows tr")).length === 25);
    const first = await page.getAttribute("#rows tr", "data-id");
    await page.getByRole("button", { name: "Next" }).click();
    await until("page 2", async () => (await page.textContent("#page")).startsWith("page 2"));
    await until("other rows", async () => (await page.getAttribute("#rows tr", "data-id")) !== first);
    await page.getByRole("button", { name: "Previous" }).click();
    await until("page 1", async () => (await page.textContent("#page")).startsWith("page 1"));
  },

  async "a search finds one"(page) {
    await page.getByLabel("Search").fill("/room/42");
    await until("one row", async () => (await page.$$("#rows tr")).length === 1);
    await page.getByLabel("State").selectOption("holding");
    await until("none", async () => (await page.textContent("#rows")).includes("No session is like that."));
    await page.getByLabel("State").selectOption("");
    await until("one row again", async () => (await page.$$("#rows tr[data-id]")).length === 1);
  },

  async "it is opened and closed by keyboard alone"(page) {
    await page.getByRole("button", { name: /^Open session/ }).focus();
    await page.keyboard.press("Enter");
    await until("its details", async () => (await page.textContent("#session-text")).includes('"/room/42"'));
    await page.keyboard.press("Escape");
    await until("they are gone", async () => !(await page.isVisible("#session")));
    await page.getByRole("button", { name: /^Close session/ }).focus();
    await page.keyboard.press("Enter");
    await until("the question", () => page.isVisible("#confirm"));
    await page.getByLabel("Code").fill("4007");
    await page.getByLabel("Reason").fill("by hand");
    await page.keyboard.press("Enter");
    await until("it is gone", async () => (await page.textContent("#rows")).includes("No session is like that."));
    await page.getByLabel("Search").fill("");
    await until("the others", async () => (await page.$$("#rows tr")).length === 25);
  },

  async "everything that can be used has a name, and nothing overflows a narrow window"(page) {
    const nameless = await page.$$eval("button, input, select, [role=img], [role=region]", (nodes) =>
      nodes.filter((node) => !(node.ariaLabel || node.textContent.trim() || node.labels?.[0]?.textContent.trim() || node.getAttribute("aria-labelledby"))).map((node) => node.outerHTML));
    assert.deepEqual(nameless, []);
    await page.setViewportSize({ width: 360, height: 740 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `the page is ${width} wide`);
    await page.setViewportSize({ width: 1280, height: 900 });
  },
};

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const faults = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("request", (request) => request.url().startsWith(url) || request.url().startsWith("data:") || faults.push(`asks outside: ${request.url()}`));
    await page.goto(url);
    for (const [name, step] of Object.entries(steps)) {
      await step(page);
      console.log(`ok: ${name}`);
    }
    fs.mkdirSync(folder, { recursive: true });
    for (const [name, scheme, width] of [["light", "light", 1280], ["dark", "dark", 1280], ["narrow", "light", 360]]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(400);
      await page.screenshot({ path: path.join(folder, `dashboard-${name}.png`), fullPage: true });
    }
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
