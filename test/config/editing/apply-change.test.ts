import { describe, expect, it } from 'vitest';
import { applyChange, type Change } from '#config/editing/apply-change.ts';
import { digestOf } from '#config/editing/edit-file.ts';
import type { LoadedSettings, RefusedSettings } from '#config/reading/load.ts';
import { coded } from '#errors/coded-error.ts';
import { Secret } from '#redaction/secret.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { codeOf } from '#test/system/files-contract.ts';

const FILE = '/etc/sallyport/sallyport.yaml';
const FOLDER = '/etc/sallyport';
const TEXT = `version: 2
proxies:
  - name: corp
    address: old.example.com
    password: { file: secrets/corp }
  - name: own
    address: own.example.com
    password: { file: /srv/own }
`;
const OLD_SECRET = 'old secret\n';
const clock = { now: () => 1_900_000_000_000 };

function machine(): CrashingFiles {
  const files = new CrashingFiles();
  files.plantFile(FILE, TEXT, { mode: 0o640 });
  files.plantFile(`${FOLDER}/secrets/corp`, OLD_SECRET, { mode: 0o640 });
  return files;
}

/** Only the file and digest of the settings matter to a change. */
function loadedFrom(text: string): LoadedSettings {
  return { ok: true, file: FILE, digest: digestOf(Buffer.from(text)) } as LoadedSettings;
}

const make = (files: CrashingFiles, change: Change) =>
  applyChange(loadedFrom(String(files.content(FILE))), change, {
    files,
    clock,
    load: (text = '') => Promise.resolve(loadedFrom(text)),
  });

const secret = { name: 'corp', path: ['proxies', 0, 'password'], value: new Secret('new secret') };
const MOVE: Change = { edits: [{ kind: 'set', path: 'proxies[0].address', value: 'new.example.com' }], secret };

describe('a stored password', () => {
  it('replaces the old password in its file', async () => {
    const files = machine();
    expect(await make(files, { edits: [], secret })).toMatchObject({
      changed: true,
      stored: 'secrets/corp',
      orphans: [],
    });
    expect(String(files.content(`${FOLDER}/secrets/corp`))).toBe('new secret\n');
    expect(String(files.content(FILE))).toBe(TEXT);
    expect(await files.facts(`${FOLDER}/secrets/corp`)).toMatchObject({ mode: 0o640, owner: 1_000, group: 1_000 });
  });

  it('of a new profile has its own file, 0640, in a private folder', async () => {
    const files = new CrashingFiles();
    files.plantFile(FILE, 'version: 2\n', { mode: 0o644 });
    const edits = [{ kind: 'append', path: 'proxies', value: { name: 'corp' } }] as const;
    await make(files, { edits, secret });
    expect(await files.facts(`${FOLDER}/secrets`)).toMatchObject({ mode: 0o750 });
    expect(await files.facts(`${FOLDER}/secrets/corp`)).toMatchObject({ mode: 0o640 });
    expect(String(files.content(FILE))).toContain('password: { file: secrets/corp }');
    expect(String(files.content(FILE))).not.toContain('new secret');
  });

  it('never mixes old and new settings and passwords, at any crash', async () => {
    const seen = new Set<string>();
    await everyCrash({
      prepare: async () => machine(),
      act: async (files) => {
        const made = await make(files, MOVE);
        if (made.ok) await made.tidy();
      },
      check: async ({ files }) => {
        const text = String(files.content(FILE));
        const reference = /file: (secrets\/\S+)/.exec(text)?.[1] ?? '';
        const password = String(files.content(`${FOLDER}/${reference}`));
        const isNew = text.includes('new.example.com');
        seen.add(text);
        expect(password).toBe(isNew ? 'new secret\n' : OLD_SECRET);
      },
    });
    expect(seen.size).toBe(2);
  });

  it('that changes with the address leaves no unused file', async () => {
    const files = machine();
    const made = await make(files, MOVE);
    expect(made).toMatchObject({ ok: true, stored: 'secrets/corp.2', orphans: ['secrets/corp'] });
    // The daemon still reads it with the previous settings until it has reloaded.
    expect(files.names()).toContain(`${FOLDER}/secrets/corp`);
    expect(made.ok && (await made.tidy())).toEqual(['secrets/corp']);
    expect(files.names()).toEqual([FILE, `${FOLDER}/secrets/corp.2`]);
  });

  it('keeps a file that another key also names', async () => {
    const shared = `${TEXT}updates:\n  bearer_token: { file: secrets/corp }\n`;
    for (const change of [{ edits: [], secret }, MOVE]) {
      const files = machine();
      files.plantFile(FILE, shared, { mode: 0o640 });
      const made = await make(files, change);
      expect(made).toMatchObject({ ok: true, stored: 'secrets/corp.2', orphans: [] });
      expect(String(files.content(`${FOLDER}/secrets/corp`))).toBe(OLD_SECRET);
      expect(String(files.content(FILE))).toContain('bearer_token: { file: secrets/corp }');
    }
  });

  it('is removed if the resulting settings are invalid', async () => {
    const files = machine();
    const refused = { ok: false, error: coded('CONFIG', { file: FILE, count: 1 }) } as RefusedSettings;
    const made = await applyChange(loadedFrom(TEXT), MOVE, { files, clock, load: () => Promise.resolve(refused) });
    expect(made).toEqual({ ok: false, refused });
    expect(files.names()).toEqual([FILE, `${FOLDER}/secrets/corp`]);
    expect(String(files.content(FILE))).toBe(TEXT);
  });

  it('is not written if the configuration changed in the meantime', async () => {
    const files = machine();
    const change = applyChange(loadedFrom(`${TEXT}# before\n`), MOVE, {
      files,
      clock,
      load: (text = '') => Promise.resolve(loadedFrom(text)),
    });
    expect(await codeOf(() => change)).toBe('CONFIG-CHANGED');
    expect(files.names()).toEqual([FILE, `${FOLDER}/secrets/corp`]);
  });
});

describe('deleting a profile', () => {
  it('also deletes its password file, unless the admin keeps it elsewhere', async () => {
    const files = machine();
    files.plantFile('/srv/own', 'x');
    const edits = [1, 0].map((index) => ({ kind: 'remove', path: ['proxies', index] }) as const);
    const made = await make(files, { edits });
    expect(made.ok && (await made.tidy())).toEqual(['secrets/corp']);
    expect(files.names()).toEqual([FILE, '/srv/own']);
  });
});
