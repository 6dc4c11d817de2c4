// SPDX-License-Identifier: Apache-2.0
// A headless Chromium at the end of a pipe: one JSON request a line on standard input, one answer a line on standard
// output. Python holds the broker, the gateway and the story (tests/integration/test_app.py).
import {createInterface} from 'node:readline';
import {createRequire} from 'node:module';

const require = createRequire(process.env.HUYING_NODE + '/node_modules/');
const {chromium} = require('playwright-core');
const pages = new Map(); // name → {context, page, errors}
const PATIENCE = 40000; // a test that passes never waits that long
let browser = null;

function watch(entry) {
  const {page, errors} = entry;
  page.on('console', (m) => { if (m.type() === 'error') errors.push(`error: ${m.text()}`); });
  page.on('pageerror', (e) => errors.push(`exception: ${e.stack || e}`));
}

const operations = {
  async launch() {
    browser = await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--mute-audio']});
    return browser.version();
  },
  // name: of the person; a context of its own: own storage, own service worker
  async open({name, width, height, url, scale, zoom, init}) {
    const context = await browser.newContext({viewport: {width: width || 360, height: height || 640}, deviceScaleFactor: scale || 1, locale: 'zh-CN',
      timezoneId: 'Asia/Shanghai', permissions: ['notifications'], hasTouch: (width || 360) < 800});
    await context.addInitScript(() => {
      window.csp = [];
      document.addEventListener('securitypolicyviolation', (e) => window.csp.push(`${e.violatedDirective} ${e.blockedURI}`));
    });
    if (init)
      await context.addInitScript({content: init});
    const page = await context.newPage();
    const entry = {context, page, errors: []};
    watch(entry);
    pages.set(name, entry);
    await page.goto(url);
    if (zoom)
      await page.evaluate((z) => { document.documentElement.style.fontSize = z; }, zoom);
  },
  async goto({name, url}) { await pages.get(name).page.goto(url); },
  async reload({name}) { await pages.get(name).page.reload(); },
  // Waits until it is there and can be pressed.
  async click({name, text, selector, exact}) {
    const page = pages.get(name).page;
    const at = selector ? page.locator(selector) : page.getByRole('button', {name: text, exact: exact !== false}).or(page.getByRole('link', {name: text, exact: exact !== false}));
    await at.first().click({timeout: PATIENCE});
  },
  // A finger on it, and off again: what happens meanwhile is the test's business.
  async hold({name, selector}) {
    const page = pages.get(name).page;
    const box = await page.locator(selector).first().boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
  },
  async release({name}) { await pages.get(name).page.mouse.up(); },
  async check({name, text}) { await pages.get(name).page.getByLabel(text, {exact: true}).first().check({timeout: PATIENCE, force: true}); },
  async fill({name, selector, value}) { await pages.get(name).page.fill(selector, value, {timeout: PATIENCE}); },
  async text({name, selector}) { return pages.get(name).page.locator(selector || 'body').first().innerText(); },
  // Polls: Playwright's own waiting evaluates text in the page, which the page's rules forbid.
  async wait({name, js}) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      if (await pages.get(name).page.evaluate(`(${js})()`).catch(() => false)) // it may just be reloading
        return;
      if (Date.now() > end)
        throw new Error('waited in vain');
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  },
  async evaluate({name, js}) { return pages.get(name).page.evaluate(`(${js})()`); },
  async offline({name, yes}) { await pages.get(name).context.setOffline(yes); },
  async back({name}) { await pages.get(name).page.goBack(); },
  async size({name, width, height}) { await pages.get(name).page.setViewportSize({width, height}); },
  async screenshot({name, path, full}) { await pages.get(name).page.screenshot({path, fullPage: Boolean(full)}); },
  async errors({name}) {
    const entry = pages.get(name);
    return entry.errors.concat((await entry.page.evaluate(() => window.csp || [])).map((v) => `CSP: ${v}`));
  },
  async axe({name}) {
    const page = pages.get(name).page;
    await page.evaluate(require('axe-core').source);
    const result = await page.evaluate(() => window.axe.run(document, {resultTypes: ['violations']}));
    return result.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
      .map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => `${n.html.slice(0, 160)} ${n.failureSummary}`).join(' || ')}`);
  },
  async close({name}) {
    await pages.get(name).context.close();
    pages.delete(name);
  },
  async quit() { await browser.close(); }
};

for await (const line of createInterface({input: process.stdin})) {
  const {id, op, ...rest} = JSON.parse(line);
  let answer;
  try {
    answer = {id, result: (await operations[op](rest)) ?? null};
  } catch (e) {
    answer = {id, error: String(e && e.stack || e)};
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
  if (op === 'quit')
    break;
}
process.exit(0);
