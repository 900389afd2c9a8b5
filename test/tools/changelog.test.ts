import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fragmentProblems, readFragments, releaseBody, withRelease } from '#tools/changelog.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OLD = '# Changelog\n\n## [Unreleased]\n\nSee the folder.\n\n## [0.1.0] - 2026-11-29\n\n### Added\n\n- All.\n';

describe('changelog fragments', () => {
  it('changelog fragments: all of this checkout have the documented form', () => {
    expect(readFragments(join(ROOT, 'changelog/unreleased')).flatMap(fragmentProblems)).toEqual([]);
  });

  it.each([
    ['Retry.fixed.md', 'It was slow. It is fast now.', 'the name must be'],
    ['retry.feature.md', 'It was slow. It is fast now.', 'the name must be'],
    ['retry.md', 'It was slow. It is fast now.', 'the name must be'],
    ['retry.fixed.md', '\n', 'it is empty'],
    ['retry.fixed.md', '- It was slow. It is fast now.', 'without a bullet'],
    ['retry.fixed.md', 'it was slow. It is fast now.', 'capital letter'],
    ['retry.fixed.md', 'It was slow. It is fast now', 'full stop'],
    ['retry.fixed.md', `It was ${'very '.repeat(100)}slow.`, 'at most 500'],
    ['retry.fixed.md', 'It was slow:\n\nNow it is fast.', 'only a list'],
    ['retry.fixed.md', 'It was slow.\n\n- Now it is fast.', 'with a colon'],
  ])('changelog fragments: %s with %j is refused', (file, text, problem) => {
    expect(fragmentProblems({ file, text }).join()).toContain(problem);
  });

  it.each(['`status` was slow. It is fast now.\n', 'These lines changed:\n\n- `a` -> `b`\n- `c` -> `d`\n'])(
    'changelog fragments: %j is accepted',
    (text) => {
      expect(fragmentProblems({ file: 'retry-after.fixed.md', text })).toEqual([]);
    },
  );
});

describe('changelog release', () => {
  it('changelog release: groups come in the order of Keep a Changelog, entries by file name', () => {
    const fragments = [
      { file: 'b.security.md', text: 'S.\n' },
      { file: 'c.added.md', text: 'C.\n' },
      { file: 'a.fixed.md', text: 'F.\n' },
      { file: 'b.added.md', text: 'B.\n' },
    ];

    expect(releaseBody(fragments)).toBe('### Added\n\n- B.\n- C.\n\n### Fixed\n\n- F.\n\n### Security\n\n- S.\n');
  });

  it('changelog release: long texts are wrapped at 120 columns and inner lists are indented', () => {
    const text = `${'word '.repeat(40)}end:\n\n- \`a\` -> \`b\`\n- \`c\` ->\n  \`d\`\n`;
    const body = releaseBody([{ file: 'a.changed.md', text }]);

    expect(Math.max(...body.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(body).toMatch(/^ {2}word .*end:\n {2}- `a` -> `b`\n {2}- `c` -> `d`\n$/m);
  });

  it('changelog release: a new section precedes the previous release', () => {
    const release = { version: '0.2.0', date: '2026-12-24', body: '### Fixed\n\n- F.\n' };

    expect(withRelease(OLD, release)).toBe(
      OLD.replace('## [0.1.0]', '## [0.2.0] - 2026-12-24\n\n### Fixed\n\n- F.\n\n## [0.1.0]'),
    );
  });

  it.each([
    ['0.1.0', 'not later than the last release, 0.1.0'],
    ['0.0.9', 'not later than the last release, 0.1.0'],
    ['next', 'not a version'],
  ])('changelog release: version %s is refused after 0.1.0', (version, problem) => {
    expect(() => withRelease(OLD, { version, date: '2026-12-24', body: '### Fixed\n\n- F.\n' })).toThrow(problem);
  });

  it('changelog release: no fragments make no release', () => {
    expect(() => withRelease(OLD, { version: '0.2.0', date: '2026-12-24', body: '' })).toThrow('no fragments');
  });
});

describe('npm run changelog', () => {
  let copy: string;
  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'sallyport-changelog-'));
    mkdirSync(join(copy, 'changelog/unreleased'), { recursive: true });
    cpSync(join(ROOT, 'tools/changelog.ts'), join(copy, 'tools/changelog.ts'));
    cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    writeFileSync(join(copy, 'CHANGELOG.md'), OLD);
    writeFileSync(join(copy, 'changelog/unreleased/README.md'), '# How\n');
    writeFileSync(join(copy, 'changelog/unreleased/speed.fixed.md'), 'It was slow. It is fast now.\n');
  });
  afterEach(() => rmSync(copy, { recursive: true, force: true }));

  const run = (...args: string[]): Promise<{ code: number; out: string }> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, [join(copy, 'tools/changelog.ts'), ...args], (_error, out, err) =>
        resolve({ code: child.exitCode ?? -1, out: out + err }),
      );
    });
  const changelog = () => readFileSync(join(copy, 'CHANGELOG.md'), 'utf8');

  it('npm run changelog: a release moves every fragment into CHANGELOG.md', async () => {
    expect(await run('0.2.0')).toEqual({ code: 0, out: '' });
    expect(changelog()).toMatch(
      /^## \[0\.2\.0\] - \d{4}-\d\d-\d\d\n\n### Fixed\n\n- It was slow\. It is fast now\.\n$/m,
    );
    expect(readdirSync(join(copy, 'changelog/unreleased'))).toEqual(['README.md']);
  });

  it('npm run changelog: --draft prints the section and changes nothing', async () => {
    expect(await run('--draft')).toEqual({ code: 0, out: '### Fixed\n\n- It was slow. It is fast now.\n' });
    expect(changelog()).toBe(OLD);
    expect(readdirSync(join(copy, 'changelog/unreleased'))).toHaveLength(2);
  });

  it('npm run changelog: a fragment of another form stops a release before anything is written', async () => {
    writeFileSync(join(copy, 'changelog/unreleased/speed.faster.md'), 'It was slow. It is fast now.\n');

    expect((await run('--check')).code).toBe(1);
    const { code, out } = await run('0.2.0');
    expect(code).toBe(1);
    expect(out).toContain('changelog/unreleased/speed.faster.md: the name must be TOPIC.KIND.md');
    expect(changelog()).toBe(OLD);
  });

  it.each([[[]], [['--chekc']]])('npm run changelog: arguments %j are refused', async (args) => {
    expect((await run(...args)).code).toBe(64);
  });
});
