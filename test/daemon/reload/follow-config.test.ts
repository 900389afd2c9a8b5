// The reload table of issue 3: however a file is saved, the right settings take effect soon, as a whole or not at all.

import { execFile } from 'node:child_process';
import {
  appendFile,
  copyFile,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it, type TestContext } from 'vitest';
import { problemLine } from '#config/problem.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { ReloadRig, type ReloadRigOptions } from '#test/support/reload-rig.ts';

/**
 * A change applies within 1 s of its event. This limit leaves time for a busy machine, and is less than the 10 s
 * between two comparisons of the files.
 */
const SOON_MS = 6_000;

function configOf(channel: string): string {
  return [
    'version: 2',
    'updates:',
    `  channel: ${channel}`,
    'proxies:',
    '  - name: corp',
    '    address: proxy.example.com',
    '    authentication: basic',
    '    user: svc',
    '    password: {file: secrets/password}',
    '    default: true',
    'use_proxy_for:',
    '  updates: corp',
    '',
  ].join('\n');
}

async function openFollowed(context: TestContext): Promise<ReloadRig> {
  const rig = await openRig(context, { config: configOf('before') });
  await rig.follow();
  return rig;
}

/** The password's file has to be there before the configuration is read. */
async function openRig({ onTestFinished }: TestContext, options: ReloadRigOptions): Promise<ReloadRig> {
  const made = await ReloadRig.open({ ...options, config: 'version: 2\n' });
  onTestFinished(() => made.close());
  await made.write('secrets/password', 'first-password\n');
  await made.write('sallyport.yaml', options.config);
  await made.restart(options.reloaders);
  return made;
}

const channel = (rig: ReloadRig) => rig.inForce.updates.channel;
const password = (rig: ReloadRig) => rig.inForce.proxies[0]?.password?.reveal();

/** Ways to save a file, each with what it has to do if the file exists. */
const EDITORS: Readonly<Record<string, (file: string, content: string) => Promise<void>>> = {
  'in place, as nano and echo do': (file, content) => writeFile(file, content),
  'rename over, as gedit, VS Code with atomic save and config management do': async (file, content) => {
    await writeFile(`${file}.new`, content);
    await rename(`${file}.new`, file);
  },
  'backup by rename, then a new file, as emacs does': async (file, content) => {
    await rename(file, `${file}~`);
    await writeFile(file, content);
  },
  'backup by copy, then in place, as emacs does with backup-by-copying': async (file, content) => {
    await copyFile(file, `${file}~`);
    await writeFile(file, content);
  },
  'as vim does: 4913, backup by rename, new file, backup removed': async (file, content) => {
    await writeFile(join(file, '..', '4913'), '');
    await unlink(join(file, '..', '4913'));
    await rename(file, `${file}~`);
    await writeFile(file, content);
    await unlink(`${file}~`);
  },
  'delete and recreate': async (file, content) => {
    await unlink(file);
    await writeFile(file, content);
  },
  'delete, wait a second, recreate': async (file, content) => {
    await unlink(file);
    await pause(1_000);
    await writeFile(file, content);
  },
  'truncate to 0, then the content': async (file, content) => {
    await truncate(file, 0);
    await pause(400);
    await writeFile(file, content);
  },
  'the folder renamed and created again': async (file, content) => {
    const folder = join(file, '..');
    await rename(folder, `${folder}.old`);
    await mkdir(folder);
    await rename(`${folder}.old/secrets`, `${folder}/secrets`);
    await writeFile(file, content);
    await rm(`${folder}.old`, { recursive: true });
  },
};

async function expectLoadedAfter(save: (file: string, content: string) => Promise<void>, context: TestContext) {
  const rig = await openFollowed(context);
  await save(rig.file, configOf('after'));
  const tookMs = await rig.until(() => channel(rig) === 'after' && rig.names().includes('reloaded'));

  expect(tookMs).toBeLessThan(SOON_MS);
  // No intermediate content of the file was applied or reported as a mistake.
  expect(rig.names()).not.toContain('reload-refused');
  expect(rig.events.filter(({ name }) => name === 'setting-changed')).toEqual([
    { name: 'setting-changed', key: 'updates.channel', effect: 'applied to the next transfer' },
  ]);
}

// Most of the time of these tests is the quiet time after a change.
describe.concurrent('a configuration is loaded when saved', () => {
  it.for(Object.entries(EDITORS))('%s', async ([, save], context) => {
    await expectLoadedAfter(save, context);
  });

  it('by sed -i', async (context) => {
    const rig = await openFollowed(context);
    await promisify(execFile)('sed', ['-i', 's/before/after/', rig.file]);

    expect(await rig.until(() => channel(rig) === 'after')).toBeLessThan(SOON_MS);
  });

  it('twice, by the same method and by another', async (context) => {
    const rig = await openFollowed(context);
    const ways = Object.values(EDITORS).slice(0, 4);
    for (const [index, save] of [...ways, ...ways].entries()) {
      await save(rig.file, configOf(`c${index}`));
      expect(await rig.until(() => channel(rig) === `c${index}`)).toBeLessThan(SOON_MS);
    }
  });

  it('fifty times within a second: the last one takes effect, without each one between', async (context) => {
    const rig = await openFollowed(context);
    for (let edit = 1; edit <= 50; edit += 1) {
      await writeFile(rig.file, configOf(`c${edit}`));
      await pause(20);
    }

    expect(await rig.until(() => channel(rig) === 'c50')).toBeLessThan(SOON_MS);
    expect(rig.names().filter((name) => name === 'reloaded').length).toBeLessThan(5);
    expect(rig.names()).not.toContain('reload-refused');
  });
});

describe.concurrent('follow config: a file that the configuration names', () => {
  it('is applied when it alone changes: a rotated password', async (context) => {
    const rig = await openFollowed(context);
    await rig.write('secrets/password', 'second-password\n');

    expect(await rig.until(() => password(rig) === 'second-password')).toBeLessThan(SOON_MS);
    await rig.until(() => rig.names().includes('reloaded'));
    expect(rig.events).toContainEqual({
      name: 'setting-changed',
      key: 'proxies[0].password',
      effect: 'applied to the next transfer',
    });
    expect(JSON.stringify(rig.events)).not.toContain('second-password');
  });

  it('is followed as soon as it is named', async (context) => {
    const rig = await openFollowed(context);
    await rig.write('other', 'third-password\n');
    await writeFile(rig.file, configOf('before').replace('secrets/password', 'other'));
    await rig.until(() => password(rig) === 'third-password');
    await rig.write('other', 'fourth-password\n');

    expect(await rig.until(() => password(rig) === 'fourth-password')).toBeLessThan(SOON_MS);
  });

  it('may follow the configuration that names it: the edit is refused, then applied', async (context) => {
    const rig = await openFollowed(context);
    await writeFile(rig.file, configOf('after').replace('secrets/password', 'late'));
    await rig.until(() => rig.reloader.refused !== null);
    await rig.write('late', 'late-password\n');

    expect(await rig.until(() => password(rig) === 'late-password')).toBeLessThan(SOON_MS);
    expect([channel(rig), rig.reloader.refused]).toEqual(['after', null]);
  });
});

describe.concurrent('an edit with a mistake', () => {
  it('is reported once by line and column; the old settings stay active', async (context) => {
    const rig = await openFollowed(context);
    await writeFile(rig.file, configOf('after').replace('updates: corp', 'updates: crop'));
    await rig.until(() => rig.names().includes('reload-refused'));

    expect(rig.events).toContainEqual(
      expect.objectContaining({ name: 'config-mistake', line: 12, column: 12, key: 'use_proxy_for.updates' }),
    );
    expect(channel(rig)).toBe('before');
    expect(rig.reloader.refused).toMatchObject({ count: 1, first: expect.stringContaining('sallyport.yaml:12:12') });

    await writeFile(rig.file, configOf('mended'));
    expect(await rig.until(() => channel(rig) === 'mended')).toBeLessThan(SOON_MS);
    expect(rig.reloader.refused).toBeNull();
  });

  it('has the same words as at a start', async (context) => {
    const rig = await openFollowed(context);
    await writeFile(rig.file, 'version: 2\nupdates:\n  shedule: 0 3 * * *\n');
    await rig.until(() => rig.reloader.refused !== null);
    const atStart = await rig.load();

    expect(atStart.ok ? [] : atStart.problems.map(problemLine)).toEqual([rig.reloader.refused?.first]);
  });
});

// Not at the same time as others: its pauses must not get longer than the quiet time after a change.
it('follow config: a file saved slowly, a line every 60 ms, is loaded when complete', async (context) => {
  const save = async (file: string, content: string) => {
    await truncate(file, 0);
    for (const line of content.split(/(?<=\n)/)) {
      await appendFile(file, line);
      await pause(60);
    }
  };
  await expectLoadedAfter(save, context);
});

/** Moves the clock of the watch by hand until the condition holds; files are really read in between. */
async function drive(clock: FakeClock, isSo: () => boolean): Promise<number> {
  let passedMs = 0;
  while (!isSo() && passedMs < 60_000) {
    const ms = clock.untilNext;
    // While it reads files it has no timer.
    if (ms === null) {
      await turn();
      continue;
    }
    clock.advance(ms);
    passedMs += ms;
  }
  return passedMs;
}

describe('a change without an event', () => {
  it('is found by the digest: a swap of the ..data link, within 15 s', async (context) => {
    const clock = new FakeClock();
    const rig = await openRig(context, { config: configOf('before'), clock });
    // As Kubernetes mounts a volume: the file is a link into ..data, which is itself a link.
    await mkdir(join(rig.dir, 'v1'));
    await mkdir(join(rig.dir, 'v2'));
    await rename(rig.file, join(rig.dir, 'v1', 'sallyport.yaml'));
    await writeFile(join(rig.dir, 'v2', 'sallyport.yaml'), configOf('after'), { mode: 0o600 });
    await symlink('v1', join(rig.dir, '..data'));
    await symlink('..data/sallyport.yaml', rig.file);
    await rig.restart();
    await rig.follow();
    await symlink('v2', join(rig.dir, '..tmp'));
    await rename(join(rig.dir, '..tmp'), join(rig.dir, '..data'));

    expect(await drive(clock, () => channel(rig) === 'after')).toBeLessThanOrEqual(15_000);
  });

  it('is looked for every second while a file is missing', async (context) => {
    const clock = new FakeClock();
    const rig = await openRig(context, { config: configOf('before'), clock });
    await rig.follow();
    await unlink(rig.file);
    await drive(clock, () => rig.reloader.refused !== null);
    await writeFile(rig.file, configOf('after'), { mode: 0o600 });

    expect(await drive(clock, () => channel(rig) === 'after')).toBeLessThanOrEqual(SOON_MS);
  });
});

describe('a missing file', () => {
  it('is a mistake only after five seconds; the old settings stay active', async (context) => {
    const clock = new FakeClock();
    const rig = await openRig(context, { config: configOf('before'), clock });
    await rig.follow();
    await unlink(rig.file);

    expect(await drive(clock, () => rig.reloader.refused !== null)).toBeGreaterThanOrEqual(5_000);
    expect(rig.reloader.refused?.first).toContain('CONFIG-UNREADABLE');
    expect(channel(rig)).toBe('before');
  });

  it('is a mistake also if it is empty', async (context) => {
    const clock = new FakeClock();
    const rig = await openRig(context, { config: configOf('before'), clock });
    await rig.follow();
    await truncate(rig.file, 0);
    await drive(clock, () => rig.reloader.refused !== null);

    expect(rig.reloader.refused?.first).toContain('The file is empty');
  });
});

describe('follow config: a file that never stops changing', () => {
  it('is not read, which is reported once', async (context) => {
    const clock = new FakeClock();
    const rig = await openRig(context, { config: configOf('before'), clock });
    await rig.follow();
    // Three writes in each 250 ms of the clock: on a busy machine the event of a write may come a turn later.
    for (let write = 0; write < 500 && !rig.names().includes('config-restless'); write += 1) {
      await writeFile(rig.file, configOf(`c${write}`));
      await clock.advanceAsync(80);
      await pause(5);
    }

    expect(rig.names()).toEqual(['config-restless']);
    expect(channel(rig)).toBe('before');
  });
});

describe('follow config: a requested reload', () => {
  it('reads at once and answers, even if nothing changed', async (context) => {
    const rig = await openRig(context, { config: configOf('before'), clock: new FakeClock() });
    const followed = await rig.follow();
    await followed.readNow();

    expect(rig.names()).toEqual(['reloading', 'reload-unchanged']);
  });

  it('does not wait until the file stops changing', async (context) => {
    const rig = await openRig(context, { config: configOf('before'), clock: new FakeClock() });
    const followed = await rig.follow();
    await writeFile(rig.file, configOf('after'));
    await followed.readNow();

    expect(channel(rig)).toBe('after');
  });

  it('is what SIGHUP does without a terminal', async (context) => {
    const rig = await openRig(context, { config: configOf('before'), clock: new FakeClock() });
    await rig.follow();
    await writeFile(rig.file, configOf('after'));
    process.emit('SIGHUP');

    await rig.until(() => channel(rig) === 'after');
  });
});

describe('follow config: a touch, or another file of the folder', () => {
  it('changes nothing and logs nothing', async (context) => {
    const rig = await openFollowed(context);
    await utimes(rig.file, 1, 1);
    await writeFile(join(rig.dir, 'else'), 'x');
    const handle = await open(rig.file, 'a');
    await handle.close();
    await writeFile(rig.file, configOf('after'));
    await rig.until(() => channel(rig) === 'after');

    expect(rig.names().filter((name) => name === 'reloading')).toHaveLength(1);
    expect(await readFile(rig.file, 'utf8')).toBe(configOf('after'));
  });
});
