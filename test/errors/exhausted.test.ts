// A host that has run out of descriptors says so by its own code at every door, and never that something else is wrong.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asCoded, exhaustion } from '#errors/coded-error.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-files-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Opens files until no descriptor is left, then tries each module. In a process of its own, to affect no other test. */
const EVERY_MODULE = `
import { openSync } from 'node:fs';
const at = (path) => import(new URL(path, process.env.SRC));
const { dial } = await at('proxy/opening/dial.ts');
const { realFiles } = await at('system/real-files.ts');
const { loadState, peekState } = await at('system/state-file.ts');
const { readBounded } = await at('config/reading/read-bounded.ts');
const { connectControl } = await at('control/client.ts');
const { asCoded } = await at('errors/coded-error.ts');
const { systemClock } = await at('system/clock.ts');
const path = process.env.STATE;
const options = { bulk: false, timeoutMs: 5000, clock: systemClock, signal: AbortSignal.timeout(9000) };
const target = (host) => ({ host, port: 9, proxy: null, hop: 'this host' });
const reader = { format: 1, parse: (raw) => raw };
const doors = {
  dial: () => dial(target('127.0.0.1'), options),
  resolve: () => dial(target('no-such-name.example.com'), options),
  open: () => realFiles.openToRead(path),
  list: () => realFiles.list('/'),
  state: () => loadState(realFiles, path, reader),
  peek: async () => { throw (await peekState(realFiles, path, reader)).kind; },
  read: async () => { throw (await readBounded(path, 100)).exhausted; },
  control: () => connectControl(
    { admin: '/no/admin', operate: '/no/operate', look: '/no/look', control: '/no/control', stateDir: '/no/such' },
    { clock: systemClock, files: realFiles, self: 0 },
    {},
  ),
};
try { for (;;) openSync('/dev/null', 'r'); } catch {}
const codes = {};
for (const [name, door] of Object.entries(doors)) {
  try { await door(); codes[name] = 'none'; } catch (thrown) {
    codes[name] = typeof thrown === 'string' ? thrown : asCoded(thrown).code;
  }
}
process.stdout.write(JSON.stringify(codes));
process.exit(0);
`;

describe('a host without free descriptors', () => {
  it('exhaustion: every operation without free descriptors says so, no state file is moved', async () => {
    const state = join(dir, 'state.json');
    await writeFile(state, '{"format":1}');
    const { stdout } = await promisify(execFile)(
      '/bin/sh',
      ['-c', 'ulimit -n 128; exec "$0" --input-type=module -e "$1"', process.execPath, EVERY_MODULE],
      { env: { ...process.env, SRC: new URL('../../src/', import.meta.url).href, STATE: state } },
    );

    expect(JSON.parse(stdout)).toEqual({
      dial: 'TOO-MANY-FILES',
      resolve: 'TOO-MANY-FILES',
      open: 'TOO-MANY-FILES',
      list: 'TOO-MANY-FILES',
      state: 'TOO-MANY-FILES',
      peek: 'unreadable',
      read: 'TOO-MANY-FILES',
      control: 'TOO-MANY-FILES',
    });
    expect(await readdir(dir)).toEqual(['state.json']);
  });
});

describe('what ran out', () => {
  it.each([
    ['EMFILE', 'TOO-MANY-FILES'],
    ['ENFILE', 'TOO-MANY-FILES'],
    ['ENOMEM', 'OUT-OF-MEMORY'],
    ['ENOBUFS', 'OUT-OF-MEMORY'],
  ])('exhaustion: %s is %s, also as an unexpected error', (code, expected) => {
    const thrown = Object.assign(new Error(`${code}: something`), { code });
    expect(exhaustion(thrown, 'open /x')?.code).toBe(expected);
    expect(asCoded(thrown).code).toBe(expected);
    expect(exhaustion(thrown, 'open /x')?.safeText).toContain('open /x');
  });

  it('exhaustion: other errors are not taken for it', () => {
    for (const code of ['ENOENT', 'EACCES', 'ECONNREFUSED', 17, undefined]) {
      expect(exhaustion(Object.assign(new Error('x'), { code }), 'x')).toBeNull();
    }
  });
});
