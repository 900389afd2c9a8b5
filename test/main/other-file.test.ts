// `-c FILE`: no command uses or changes the daemon of another file.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { feedOf } from '#test/support/jars.ts';
import { type RanHere, runHere } from '#test/support/run-here.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { Site } from '#test/support/site.ts';

let site: Site;
let origin: ScriptedOrigin;
let other: string;

beforeEach(async () => {
  [site, origin] = await Promise.all([Site.make(), startScriptedOrigin()]);
  origin.serve('/feed.json', feedOf([]), 'application/json');
  await site.configure({ updates: { feed_url: `${origin.url}/feed.json` } });
  other = join(site.dir, 'other.yaml');
  await site.start(['run']).line('Next check for updates at');
});
afterEach(async () => {
  await Promise.all([site.remove(), origin.close()]);
});

/** Runs a command with the other file, which names the same socket and folders. */
function run(...args: string[]): Promise<RanHere> {
  return runHere(['--config', other, ...args]);
}

const COMMANDS = [
  ['check'],
  ['status'],
  ['status', '--json'],
  ['diagnose'],
  ['proxy', 'test', 'corp'],
  ['proxy', 'confirm'],
  ['proxy', 'edit', 'corp', '--port', '8080', '--confirm-within', '5s'],
  ['updates', 'list'],
  ['updates', 'verify'],
  ['updates', 'hook', 'u1'],
  ['timeout', 'explain'],
  ['route', 'show'],
];

it('other file: a command with another file for the same daemon exits with 78', { timeout: 120_000 }, async () => {
  const text = await readFile(site.config, 'utf8');
  const edited = `${text}proxies:\n  - { name: corp, address: proxy.example.com, port: 3128, default: true }\n`;
  await writeFile(other, edited, { mode: 0o600 });
  const asked = origin.asked.length;
  for (const command of COMMANDS) {
    const { code, out, err } = await run(...command);
    expect([code, out + err], command.join(' ')).toEqual([78, expect.stringContaining('[CONTROL-OTHER-FILE]')]);
  }
  expect((await run('status', '--check')).out).toMatch(/^UNKNOWN: \[CONTROL-OTHER-FILE\]/);
  expect(origin.asked.length).toBe(asked);
  expect(await readFile(other, 'utf8')).toBe(edited);
});

it('other file: a command with an invalid file reports its errors, not this daemon', {
  timeout: 60_000,
}, async () => {
  const text = await readFile(site.config, 'utf8');
  await writeFile(other, `${text}shedule: 1\n`, { mode: 0o600 });
  for (const command of ['diagnose', 'check', 'status', 'endpoints']) {
    const { code, out, err } = await run(command);
    expect([code, out + err], command).toEqual([78, expect.stringContaining('shedule')]);
  }
});

it('other file: endpoints are those of that file, read without the daemon', async () => {
  const text = await readFile(site.config, 'utf8');
  await writeFile(other, text.replace(origin.url, 'https://elsewhere.example.com'), { mode: 0o600 });
  const { code, out, err } = await run('endpoints', '--json');
  expect({ code, err, source: (JSON.parse(out) as { source: string }).source }).toEqual({
    code: 0,
    err: '',
    source: 'file',
  });
  expect(out).toContain('elsewhere.example.com');
});

it('other file: one with its own state folder has its own socket and works alone', async () => {
  const text = await readFile(site.config, 'utf8');
  const own = text.replace(join(site.dir, 'state'), join(site.dir, 'own')).replace(/ *control_socket: .*\n/, '');
  await writeFile(other, own, { mode: 0o600 });
  const { code, err } = await run('check');
  expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining('Using the daemon') as string });
});
