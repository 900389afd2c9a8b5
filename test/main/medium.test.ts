// `sallyport mirror` and `updates import` as processes: a mirror without a daemon, and an import that a daemon does for a
// command that uses its socket, from an archive that GNU tar made.

import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { SignedOrigin } from '#test/support/signed-origin.ts';
import { Site } from '#test/support/site.ts';

const JAR = makeJar('u1', 4_000);
let origin: SignedOrigin;
let vendor: Site;
let host: Site;

beforeEach(async () => {
  origin = await SignedOrigin.start();
  origin.validFromNow();
  origin.offer([{ item: itemFor('u1', JAR), bytes: JAR }]);
  [vendor, host] = await Promise.all([Site.make(), Site.make()]);
  for (const site of [vendor, host]) {
    const root = await site.write('root.json', Buffer.from(origin.repository.initialRoot).toString('utf8'));
    await site.configure({ updates: origin.settings(root) });
  }
});
afterEach(async () => {
  await Promise.all([vendor.remove(), host.remove(), origin.close()]);
});

describe('mirror and import as processes', () => {
  it('medium: a mirror is made, and a daemon imports an archive of it over its socket', {
    timeout: 60_000,
  }, async () => {
    const mirror = join(vendor.dir, 'mirror');
    const made = await vendor.runProcess(['mirror', mirror]);
    expect(made).toMatchObject({ code: 0, out: expect.stringContaining('is complete: 2 targets, 2 downloaded now') });
    const archive = join(vendor.dir, 'updates.tar');
    execFileSync('tar', ['-C', vendor.dir, '-cf', archive, 'mirror']);
    await origin.close();

    const daemon = host.start(['run']);
    await daemon.line('Listening for commands');
    const imported = await host.run(['updates', 'import', archive, '--json']);
    expect(JSON.parse(imported.out)).toMatchObject({ published: ['u1'], failed: [], failure: null });
    expect(imported.code).toBe(0);
    expect((await readFile(join(host.dir, 'packages', 'u1.jar'))).equals(JAR)).toBe(true);
    expect(JSON.parse(await readFile(join(host.dir, 'packages', 'u1.json'), 'utf8'))).toMatchObject({
      trust: 'signed',
    });
    expect(await daemon.line('The metadata on the medium')).toContain('timestamp, version');
  });
});
