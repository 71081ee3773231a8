// Opens the dashboard in a browser, cuts the connection and heals it, and compares what the page says with the report.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const dashboard = fileURLToPath(new URL('..', import.meta.url));
const pictures = fileURLToPath(new URL('../build/', import.meta.url));
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Starts the dashboard at a free port; `end` stops it and gives what it said last. */
async function start() {
  const child = spawn(process.execPath, ['dist/main.js', '--port', '0'], { cwd: dashboard, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = [];
  const output = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const [line] = await once(output, 'line');
  const end = async () => {
    const closed = once(child, 'close');
    child.kill('SIGINT');
    const [code] = await closed;
    return { code, said: lines.join('\n') };
  };
  return { url: /^http:\S+/.exec(line)[0], end };
}

test('the page moves, shows the backlog grow and drain, and every row is confirmed', { timeout: 120_000 }, async () => {
  mkdirSync(pictures, { recursive: true });
  const { url, end } = await start();
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  let ended;
  try {
    const page = await browser.newPage({ viewport: { width: 1320, height: 900 } });
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.stack));
    await page.goto(url);
    const number = async (id) => Number((await page.textContent(`#${id}`)).replaceAll(',', ''));
    const state = (wanted) => page.waitForSelector(`body[data-state="${wanted}"]`, { state: 'attached' });
    const reaches = (id, least) =>
      page.waitForFunction(
        ([id, least]) => Number(document.getElementById(id).textContent.replaceAll(',', '')) >= least,
        [id, least],
      );

    await state('live');
    const accepted = await number('accepted');
    await reaches('accepted', accepted + 100);
    await reaches('confirmed', 100);
    await reaches('rows', 1);
    assert.equal(await number('backlog'), 0);
    assert.ok((await page.locator('canvas').count()) >= 20, 'there is a chart for each channel');
    await page.screenshot({ path: `${pictures}live.png`, fullPage: true });

    await page.click('#switch');
    await state('degraded');
    await reaches('backlog', 200);
    const grown = await number('backlog');
    await reaches('backlog', grown + 100);
    const received = await number('received');
    await page.screenshot({ path: `${pictures}cut.png`, fullPage: true });

    await page.click('#switch.heal');
    await state('live');
    const atHealing = await number('accepted');
    assert.equal(await number('backlog'), 0);
    await reaches('confirmed', atHealing);
    await reaches('received', received + 300);
    assert.equal(await number('dropped'), 0);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: `${pictures}healed.png`, fullPage: true });
    await page.setViewportSize({ width: 390, height: 844 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `a phone shows all of its width, not ${width} pixels`);
    await page.screenshot({ path: `${pictures}phone.png`, fullPage: true });
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
    ended = await end();
  }
  assert.equal(ended.code, 0);
  const told = (name) => Number(new RegExp(`${name}: (\\d+)`).exec(ended.said)[1]);
  assert.ok(told('accepted') > 1_000);
  assert.equal(told('confirmed'), told('accepted'));
  assert.deepEqual(['dropped', 'inMemory', 'onDisk', 'rejected'].map(told), [0, 0, 0, 0]);
});
