import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeArtifacts } from '#config/generate/artifacts.ts';
import { controlArtifacts } from '#control/artifacts.ts';
import { diagnosisArtifact } from '#diagnose/artifact.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Only a part of them is generated. */
const PAGE = 'docs/architecture.md';
const RULES_PAGE = 'docs/redaction.md';

let copy: string;
beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), 'sallyport-generate-'));
  for (const name of ['package.json', 'tools', 'test/architecture', 'test/docs/redaction-table.ts', PAGE, RULES_PAGE]) {
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  }
  await symlink(join(ROOT, 'src'), join(copy, 'src'));
});
afterEach(() => rm(copy, { recursive: true, force: true }));

function generate(...flags: string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(copy, 'tools/generate.ts'), ...flags],
      { cwd: tmpdir() },
      (_error, out) => resolve({ code: child.exitCode ?? -1, out }),
    );
  });
}

describe('npm run generate', () => {
  it('npm run generate: a second run changes nothing', async () => {
    const all = [...makeArtifacts(), diagnosisArtifact(), ...controlArtifacts()];

    expect(await generate()).toEqual({ code: 0, out: all.map(({ path }) => `${path} written\n`).join('') });
    expect(await generate()).toEqual({ code: 0, out: '' });
    expect(await generate('--check')).toEqual({ code: 0, out: '' });
    for (const { path, text } of all) expect(await readFile(join(copy, path), 'utf8')).toBe(text);
  });

  it('npm run generate: --check names outdated files, exits with 1 and writes nothing', async () => {
    await generate();
    const file = join(copy, 'docs/configuration.md');
    await writeFile(file, 'edited by hand\n');
    await rm(join(copy, 'config'), { recursive: true });
    const { code, out } = await generate('--check');

    expect(code).toBe(1);
    expect(out.split('\n').map((line) => line.split(' ')[0])).toEqual([...makeArtifacts().map(({ path }) => path), '']);
    expect(await readFile(file, 'utf8')).toBe('edited by hand\n');
  });

  it('npm run generate: --check names the page with an outdated picture of the modules', async () => {
    await generate();
    const page = await readFile(join(copy, PAGE), 'utf8');
    await writeFile(join(copy, PAGE), page.replace('  main --> daemon\n', ''));

    expect(await generate('--check')).toEqual({
      code: 1,
      out: `${PAGE} is out of date; run: npm run generate\n`,
    });
    expect(await generate()).toEqual({ code: 0, out: `${PAGE} written\n` });
    expect(await readFile(join(copy, PAGE), 'utf8')).toBe(page);
  });

  it('npm run generate: the table of redaction rules is written again when it was changed', async () => {
    await generate();
    const page = await readFile(join(copy, RULES_PAGE), 'utf8');
    await writeFile(join(copy, RULES_PAGE), page.replace('| `jwt` | ', '| `jwt` | 9'));

    expect(await generate()).toEqual({ code: 0, out: `${RULES_PAGE} written\n` });
    expect(await readFile(join(copy, RULES_PAGE), 'utf8')).toBe(page);
  });

  it('npm run generate: an unknown flag is refused', async () => {
    expect((await generate('--chekc')).code).toBe(64);
  });
});
