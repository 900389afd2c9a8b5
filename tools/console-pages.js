// Plain JavaScript for Node 20: makes the pages of the console in a checkout when they are missing, or older than one of
// their sources. Only `sallyport console` needs them.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './install.js';
import { run } from './run.js';

const PAGES = join(ROOT, '.cache', 'console');
/** The page is written last. */
const LAST = join(PAGES, 'index.html');

/** Resolves when they are up to date; the console reports pages that could not be made. */
export async function makePages(node, env) {
  if (timeOf(LAST) > Math.max(...sources().map(timeOf))) return;
  await run(node, [join(ROOT, 'tools', 'console-bundle.ts'), PAGES], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

function sources() {
  // The pages share functions with the commands, so a change anywhere can concern them.
  const folder = join(ROOT, 'src');
  const found = readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
  return [...found, join(ROOT, 'tools', 'console-bundle.ts'), join(ROOT, 'package-lock.json')];
}

function timeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
