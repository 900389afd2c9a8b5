// The run of docs/signing.md and docs/signing-keys.md once more, command by command: what they show is what a run of today prints, but for
// times, ids and digests. The folders of the page are folders of the test.

import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeJar } from '#test/support/jars.ts';
import { runHere } from '#test/support/run-here.ts';

const PASSPHRASE = 'correct horse battery';
const ROOTS = /(?<![\w/])\/(home|srv|media)\//g;
const QUESTION = /^(?:New passphrase of [\w-]+: |Again: |Passphrase of [\w-]+: |Sign this\? \[y\/N\] )/;
let dir: string;

interface Step {
  readonly command: string;
  readonly shown: readonly string[];
}

/** The commands of the page with the lines below each, in order. */
async function readPage(): Promise<readonly Step[]> {
  const pages = ['signing.md', 'signing-keys.md'].map((name) => new URL(`../../docs/${name}`, import.meta.url));
  const page = (await Promise.all(pages.map((url) => readFile(url, 'utf8')))).join('\n');
  const blocks = [...page.matchAll(/^```\n(\$ [\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((part) => {
      const [command = '', ...lines] = part.trimEnd().split('\n');
      return { command, shown: lines };
    });
}

/** Without what differs from run to run. */
const shapeOf = (line: string) =>
  line
    .replaceAll(`${dir}/`, '/')
    .replaceAll(/\b[0-9a-f]{12,64}\b/g, 'ID')
    .replaceAll(/\d{4}-\d{2}-\d{2}T[\d:]+Z/g, 'TIME')
    .replaceAll(/\d+(?:\.\d+)? (?:d|h|min|s)\b(?: \d+ (?:h|min|s))?/g, 'SPAN')
    .replaceAll(/ +/g, ' ');

async function run({ command, shown }: Step): Promise<readonly string[]> {
  const [program = '', ...args] = command.replaceAll(ROOTS, `${dir}/$1/`).split(' ');
  if (program === 'cp') {
    const to = args.pop() ?? '';
    for (const from of args) await copyFile(from, join(to, basename(from)));
    return [];
  }
  const answers = shown.flatMap((line): [string, string][] => {
    const [question] = QUESTION.exec(line) ?? [];
    return question === undefined ? [] : [[question, question.startsWith('Sign') ? 'y' : PASSPHRASE]];
  });
  const { out, err } = await runHere(args, { answers });
  const asked = answers.reduce((text, [question]) => text.replace(question, ''), err);
  return [...out.split('\n'), ...asked.split('\n')].filter((line) => line !== '');
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-signing-'));
  for (const folder of ['srv/updates', 'home/bea/updates', 'media/usb'])
    await mkdir(join(dir, folder), { recursive: true });
  await writeFile(join(dir, 'srv/passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
  await writeFile(join(dir, 'srv/updates/1602503.jar'), makeJar('1602503', 3_000));
  await writeFile(join(dir, 'home/bea/updates/2001.jar'), makeJar('2001', 2_000));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it('docs/signing.md, docs/signing-keys.md: each command prints what the page shows', async () => {
  const steps = await readPage();
  expect(steps.length).toBeGreaterThan(20);
  for (const step of steps) {
    const printed = await run(step);
    const shown = step.shown.filter((line) => !QUESTION.test(line));
    expect({ command: step.command, printed: printed.map(shapeOf).toSorted() }).toEqual({
      command: step.command,
      printed: shown.map(shapeOf).toSorted(),
    });
  }
}, 120_000);
