import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LoadedSettings, loadSettings } from '#config/reading/load.ts';
import { confirmedOr, keepConfirmed } from '#daemon/reload/confirmed-file.ts';
import { realFiles } from '#system/real-files.ts';
import { ConfigFolder, TEST_PLACES } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

function textOf(over: string): string {
  return `version: 2\ndaemon:\n  state_dir: state\n${over}`;
}

async function load(text: string): Promise<LoadedSettings> {
  const loaded = await loadSettings({
    file: `${folder.path}/sallyport.yaml`,
    places: TEST_PLACES,
    environment: {},
    known: folder.known,
    text,
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded;
}

const PROXY = 'proxies:\n  - {name: corp, address: 127.0.0.1, port: 3128, default: true}\n';
const CONFIRM = 'proxy_change: confirm\n';

/** What a start uses after `confirmed` was confirmed, when the file has this text. */
async function started(confirmed: string, file: string): Promise<LoadedSettings['settings']> {
  const read = await load(file);
  await realFiles.makeDirectory(read.settings.daemon.state_dir, 0o700);
  await keepConfirmed(realFiles, read.settings.daemon.state_dir, confirmed);
  const taken = await confirmedOr(read, { files: realFiles, load: (text = file) => load(text) });
  return taken.settings;
}

describe('a start', () => {
  it('uses the confirmed text if the file changes a route, even without proxy_change', async () => {
    const taken = await started(textOf(CONFIRM + PROXY), textOf(`proxy_change: apply\nproxy_enabled: false\n${PROXY}`));
    expect(taken).toMatchObject({ proxy_enabled: true, proxy_change: 'confirm' });
  });

  it.each([
    ['sends nothing another way', CONFIRM + PROXY, `${CONFIRM}${PROXY}retry:\n  attempts: 2\n`],
    ['was confirmed under apply', PROXY, `proxy_enabled: false\n${PROXY}`],
  ])('uses the file if it %s', async (_name, confirmed, file) => {
    const [taken, asRead] = [await started(textOf(confirmed), textOf(file)), await load(textOf(file))];
    expect(taken).toEqual(asRead.settings);
  });

  it('uses the file if nothing was confirmed yet', async () => {
    const read = await load(textOf(CONFIRM + PROXY));
    expect(await confirmedOr(read, { files: realFiles })).toBe(read);
  });
});
