// `npm run demo-page`: runs the demo once and quotes its output in docs/demo.md, between two markers.
//
// Only the path of the checkout, the host and the user are replaced, so the page shows what a user gets.
// test/demo/demo-run.test.ts compares the page with a run of the present program.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = dirname(import.meta.dirname);
const PAGE = join(ROOT, 'docs', 'demo.md');
const SHOWN_ROOT = '/home/ada/sallyport';
const SHOWN_HOST = 'SENSOR-07';
const SHOWN_USER = 'user 1000';
const MARKED = /(?<=<!-- run:begin -->\n)[\s\S]*(?=<!-- run:end -->)/;

/** What one run prints, on either stream. @throws Error when it fails */
async function run(): Promise<string> {
  // The demo warns of variables that this machine may set, such as NODE_EXTRA_CA_CERTS.
  const { PATH, HOME } = process.env;
  const child = spawn('sh', ['-c', 'exec node tools/sallyport.js demo --once 2>&1'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH, HOME },
  });
  const ended = once(child, 'close');
  let printed = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout as AsyncIterable<string>) printed += text;
  const [status] = (await ended) as [number | null];
  if (status !== 0) throw new Error(`the demo ended with ${status}:\n${printed}`);
  return printed;
}

const printed = (await run())
  .replaceAll(ROOT, SHOWN_ROOT)
  .replaceAll(/^\S+(?=–127\.0\.0\.1$)/gm, SHOWN_HOST)
  .replaceAll(/(?<=\b(?:from|by) )(?:root|user \d+)\b/g, SHOWN_USER);
const page = readFileSync(PAGE, 'utf8');
if (!MARKED.test(page)) throw new Error('docs/demo.md has no markers for the run');
writeFileSync(
  PAGE,
  page.replace(MARKED, () => `\`\`\`\n$ npm start -- --once\n${printed.trimEnd()}\n\`\`\`\n`),
);
process.stdout.write('docs/demo.md written\n');
