import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placesOfDaemon } from '#config/places.ts';
import { readDaemonPlaces } from '#config/reading/daemon-places.ts';
import { loadSettings } from '#config/reading/load.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';

const PLACES = {
  config: '/etc/sallyport/sallyport.yaml',
  packagesDir: '/p/packages',
  logsDir: '/p/logs',
  stateDir: '/p/state',
  controlSocket: '/run/p/control.sock',
};

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'daemon-places-'));
  file = join(dir, 'sallyport.yaml');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const read = async (text: string) => {
  await writeFile(file, text);
  return await readDaemonPlaces(file, PLACES);
};

describe('places of a daemon', () => {
  it.each([
    'version: 2\n',
    'version: 2\ndaemon:\n',
    'version: 2\ndaemon: {state_dir: state}\n',
    'version: 2\ndaemon:\n  state_dir: "/var/\\x61b" # a comment\n  control_socket: ../c.sock\n',
    'version: 2\ndaemon:\n  admin_socket: /run/admin.sock\n  control_socket: /run/x.sock\nupdates:\n  schedule: "@daily"\n',
    'version: 1\nendpoints:\n  platform: wss://example.com/\ndaemon:\n  state_dir: /s\n',
    'version: 2\n# daemon:\n#   state_dir: /elsewhere\n',
    'version: 2\ndaemon: {"state\\x5fdir": /escaped}\n',
    'version: 2\n# a comment\rdaemon: {state_dir: /after-a-carriage-return}\n',
  ])('places of a daemon: are those of the loaded settings for %j', async (text) => {
    const found = await read(text);
    const loaded = await loadSettings({ file, places: PLACES, environment: {}, known: new KnownSecrets() });
    expect(found).toEqual(loaded.ok ? loaded.settings.daemon : loaded.daemon);
    expect(found).not.toBeNull();
  });

  it('places of a daemon: need the whole file checked if it is not certain what it says', async () => {
    for (const text of [
      'daemon: {state_dir: 7}\n',
      'daemon: {control_socket: ""}\n',
      'daemon: {state_dir: a, state_dir: b}\n',
      'daemon:\n  state_dir: "a\n',
      'a: &x state_dir\ndaemon: *x\n',
      'x: &x {state_dir: /aliased}\ndaemon: *x\n',
    ]) {
      expect(await read(text), text).toBeNull();
    }
  });

  it.each(['', '- 1\n', 'daemon: 5\n', 'daemon: [a]\n', 'a: &x 1\ndaemon: *x\n', 'updates:\n  feed_url: "a\n'])(
    'places of a daemon: are the default ones if the text %j names none of their keys',
    async (text) => {
      expect(await read(text)).toEqual(placesOfDaemon(file, undefined, PLACES));
    },
  );

  it('places of a daemon: are the default ones for a file that cannot be read', async () => {
    expect(await readDaemonPlaces(join(dir, 'none.yaml'), PLACES)).toEqual(
      placesOfDaemon(join(dir, 'none.yaml'), undefined, PLACES),
    );
  });
});
