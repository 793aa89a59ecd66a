// The dashboard with very many sessions: pages, a search through all that finds one, and one that finds none; how long each
// takes until it is seen, and how long the page itself was busy at a stretch. Usage: node many.cjs URL SESSIONS.
"use strict";
const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");

const [url, sessions] = process.argv.slice(2);
const PATIENCE = 60_000;

async function timed(page, what, act, holds) {
  const begun = Date.now();
  await act();
  await page.waitForFunction(holds, undefined, { timeout: PATIENCE, polling: "raf" });
  console.log(`browser: ${what}: ${Date.now() - begun} ms`);
}

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.addInitScript(() => {
      window.longest = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((task) => (window.longest = Math.max(window.longest, task.duration)))).observe({ type: "longtask", buffered: true });
    });
    const rows = () => document.querySelectorAll("#rows tr[data-id]").length === 25;
    await timed(page, "the first page", () => page.goto(url), rows);
    const cards = await page.waitForFunction((all) => document.querySelector("#cards").textContent.replace(/\D/g, " ").includes(all) || document.title.replace(/\D/g, "").includes(all), sessions, { timeout: PATIENCE });
    assert.ok(cards);
    await timed(page, "the next page", () => page.getByRole("button", { name: "Next" }).click(), () => document.querySelector("#page").textContent.startsWith("page 2"));
    await timed(page, "a search that finds one", () => page.getByLabel("Search").fill("/by"), () => document.querySelectorAll("#rows tr[data-id]").length === 1);
    await timed(page, "a search that finds none", () => page.getByLabel("Search").fill("there-is-no-such-session"), () => document.querySelector("#rows").textContent.includes("No session is like that."));
    console.log(`browser: the longest that the page was busy at a stretch: ${Math.round(await page.evaluate(() => window.longest))} ms`);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
