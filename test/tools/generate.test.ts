import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completionArtifacts } from '#cli/completion/scripts.ts';
import { makeArtifacts } from '#config/generate/artifacts.ts';
import { controlArtifacts } from '#control/artifacts.ts';
import { diagnosisArtifact } from '#diagnose/artifact.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Only a part of them is generated. */
const PAGE = 'docs/architecture.md';
const RULES_PAGE = 'docs/redaction.md';

let copy: string;
let first: Awaited<ReturnType<typeof generate>>;
/** Once, because each run of the tool costs a second. */
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'sallyport-generate-'));
  for (const name of ['package.json', 'tools', 'test/architecture', 'test/docs/redaction-table.ts', PAGE, RULES_PAGE]) {
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  }
  await symlink(join(ROOT, 'src'), join(copy, 'src'));
  first = await generate();
});
afterAll(() => rm(copy, { recursive: true, force: true }));

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

/** Changes a page; returns what it was. */
async function edited(name: string, from: string, to: string): Promise<string> {
  const page = await readFile(join(copy, name), 'utf8');
  expect(page).toContain(from);
  await writeFile(join(copy, name), page.replace(from, to));
  return page;
}

describe('npm run generate', () => {
  it('npm run generate: a second run changes nothing', async () => {
    const all = [...makeArtifacts(), diagnosisArtifact(), ...controlArtifacts(), ...completionArtifacts()];

    expect(first).toEqual({ code: 0, out: all.map(({ path }) => `${path} written\n`).join('') });
    expect(await generate()).toEqual({ code: 0, out: '' });
    expect(await generate('--check')).toEqual({ code: 0, out: '' });
    for (const { path, text } of all) expect(await readFile(join(copy, path), 'utf8')).toBe(text);
  });

  it('npm run generate: --check names all outdated files, exits with 1 and writes nothing', async () => {
    const file = join(copy, 'docs/configuration.md');
    await writeFile(file, 'edited by hand\n');
    await rm(join(copy, 'config'), { recursive: true });
    const picture = await edited(PAGE, '  main --> daemon\n', '');
    const rules = await edited(RULES_PAGE, '| `jwt` | ', '| `jwt` | 9');
    await rm(join(copy, 'docs/man'), { recursive: true });
    const outdated = [...makeArtifacts().map(({ path }) => path), PAGE, RULES_PAGE];

    expect(await generate('--check')).toEqual({
      code: 1,
      out: outdated.map((path) => `${path} is out of date; run: npm run generate\n`).join(''),
    });
    expect(await readFile(file, 'utf8')).toBe('edited by hand\n');

    expect(await generate()).toEqual({ code: 0, out: outdated.map((path) => `${path} written\n`).join('') });
    expect(await readFile(join(copy, PAGE), 'utf8')).toBe(picture);
    expect(await readFile(join(copy, RULES_PAGE), 'utf8')).toBe(rules);
  });

  it('npm run generate: an unknown flag is refused', async () => {
    expect((await generate('--chekc')).code).toBe(64);
  });
});
