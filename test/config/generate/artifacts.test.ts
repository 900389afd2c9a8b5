import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeArtifacts } from '#config/generate/artifacts.ts';
import { jsonSchema } from '#config/generate/json-schema.ts';
import { listKeys } from '#config/generate/keys.ts';
import { SAMPLE_MISTAKES } from '#config/generate/reference.ts';
import { ConfigFolder } from '#test/support/config-file.ts';

const ROOT = new URL('../../../', import.meta.url);
const run = promisify(execFile);

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

function textOf(name: string): string {
  return makeArtifacts().find(({ path }) => path.endsWith(name))!.text;
}

describe('generated files', () => {
  it.each(makeArtifacts().map(({ path, text }) => [path, text]))('%s is up to date', async (path, text) => {
    expect(await readFile(new URL(path, ROOT), 'utf8')).toBe(text);
  });

  it('have the same bytes each time and end in one line feed', () => {
    expect(makeArtifacts()).toEqual(makeArtifacts());
    for (const { text } of makeArtifacts()) expect(text).toMatch(/^[^\r]*[^\n\r]\n$/);
  });

  it('have the same bytes in any time zone, language and folder', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'sallyport-elsewhere-'));
    const module = new URL('src/config/generate/artifacts.ts', ROOT).href;
    const code = `const { makeArtifacts } = await import(${JSON.stringify(module)}); process.stdout.write(JSON.stringify(makeArtifacts()));`;
    const environment = {
      TZ: 'Pacific/Chatham',
      LANG: 'tr_TR.UTF-8',
      LC_ALL: 'tr_TR.UTF-8',
      HOME: cwd,
      STATE_DIRECTORY: '/s',
    };
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], {
      cwd,
      env: environment,
      maxBuffer: 1 << 24,
    });
    await rm(cwd, { recursive: true });

    const digest = (text: string) => createHash('sha256').update(text).digest('hex');
    expect(digest(stdout)).toBe(digest(JSON.stringify(makeArtifacts())));
  });

  it('contain nothing specific to the machine', () => {
    for (const { text } of makeArtifacts()) {
      expect(text).not.toContain(process.cwd());
      expect(text).not.toMatch(/20\d\d-\d\d-\d\dT/);
    }
  });
});

describe('the generated example', () => {
  it('loads without a mistake or a warning', async () => {
    expect((await folder.accept(textOf('example.yaml'))).warnings).toEqual([]);
  });

  it('loads with every key uncommented', async () => {
    for (const name of ['api-key', 'bearer-token', 'client-key-passphrase', 'proxy-password']) {
      await folder.write(`secrets/${name}`, 'long-enough\n');
    }
    await folder.write('secrets/menu-pin', '12345678\n');
    const text = textOf('example.yaml')
      .replaceAll(/^( *)#(?=[a-zA-Z-])/gm, '$1')
      .replace(/^yaml-language.*$/m, '');
    // No file can have this key and `client_certificate`.
    const compatible = text
      .replaceAll(/^ *allow_interception_by: .*$/gm, '')
      // The keys of a target need a signed feed; the example of `trust` is its default.
      .replace(/^( *)trust: tls$/m, '$1trust: tuf');
    const { settings, lineOf } = await folder.accept(compatible.replace(/^ *-? ?(?:# .*)?$/gm, ''));

    expect(settings.proxies[0]?.password?.reveal()).toBe('long-enough');
    const names = listKeys().map(({ name }) => name.replace('[]', '[0]'));
    expect(names.filter((name) => lineOf(name) === null && !name.endsWith('.allow_interception_by'))).toEqual([]);
  });

  it('has no line over 100 characters', () => {
    expect(
      textOf('example.yaml')
        .split('\n')
        .filter((line) => line.length > 100),
    ).toEqual([]);
  });
});

describe('the generated reference', () => {
  it('has a chapter for every key', () => {
    const text = textOf('configuration.md');

    expect(listKeys().filter(({ name }) => !text.includes(`\n### \`${name}\`\n`))).toEqual([]);
  });

  it('shows the mistakes that its sample really causes', async () => {
    const { problems } = await folder.refuse(SAMPLE_MISTAKES.file);
    const said = problems.map(({ line, column, key, message, found, didYouMean }) =>
      [
        `sallyport.yaml:${line}:${column}: ${key}: ${message}`,
        ...(found === '' ? [] : [`Found: ${found}.`]),
        ...(didYouMean === undefined ? [] : [`Did you mean ${didYouMean}?`]),
      ].join(' '),
    );

    expect(said).toEqual(SAMPLE_MISTAKES.said);
  });
});

describe('the JSON schema', () => {
  it('describes every key with title, default and facts, and no other key', () => {
    const schema = jsonSchema() as {
      additionalProperties: boolean;
      properties: Record<string, { properties: Record<string, object> }>;
    };

    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties['response_timeout']?.properties['base_ms']).toMatchObject({
      title: 'Response timeout',
      default: 30_000,
      minimum: 1_000,
      maximum: 2_147_483_647,
      'x-unit': 'ms',
      'x-secret': false,
      'x-takes-effect': 'next_transfer',
      'x-set-by': 'operator',
    });
  });
});
