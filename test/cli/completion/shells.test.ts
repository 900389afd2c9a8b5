// The scripts in the real shells. zsh and fish are not on every host; CI has them.

import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completionScript } from '#cli/completion/scripts.ts';
import type { Shell } from '#cli/program/quick-arguments.ts';
import { describeWith } from '#test/support/real-parts.ts';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-shells-'));
  const program = join(dir, 'sallyport');
  // What it writes to standard error would show in the middle of the line that the user types.
  await writeFile(program, `#!/bin/sh\necho noise >&2\nexec ${process.execPath} ${MAIN} "$@"\n`);
  await chmod(program, 0o755);
  await mkdir(join(dir, 'work', 'folder'), { recursive: true });
  await writeFile(join(dir, 'work', 'file.yaml'), 'version: 2\nproxies: [{name: corp, address: a}]\n');
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    await writeFile(join(dir, `script.${shell}`), completionScript(shell));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function inShell(shell: Shell, args: readonly string[]): Promise<string[]> {
  const env = { PATH: `${dir}:${process.env['PATH']}`, HOME: dir, TERM: 'dumb', LC_ALL: 'C.UTF-8' };
  const { stdout, stderr } = await run(shell, args, { cwd: join(dir, 'work'), env });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

/** The words that a shell offers for this line; the cursor is at its end. */
const OFFERS: Readonly<Record<Shell, (line: string) => Promise<string[]>>> = {
  bash: async (line) => {
    // As readline calls it: words are also split at an equals sign.
    const words = line.split(/ |(=)/).filter((word) => word !== undefined);
    const script = `source ${dir}/script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _sallyport sallyport; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return await inShell('bash', ['--norc', '-uc', script, 'bash', ...words]);
  },
  zsh: async (line) => {
    // The functions that show the words print them instead.
    const script = `compdef() { :; }; compset() { :; }; _files() { print -l files $@ }; _describe() { print -l -- \${\${(P)2}%%:*} }; source ${dir}/script.zsh; words=("$@"); CURRENT=$#words; PREFIX=$words[-1]; _sallyport`;
    return await inShell('zsh', ['-fc', script, 'zsh', ...line.split(' ')]);
  },
  fish: async (line) => {
    const script = `source ${dir}/script.fish; complete -C ${JSON.stringify(line)}`;
    const lines = await inShell('fish', ['--no-config', '-c', script]);
    return lines.map((one) => one.split('\t')[0] ?? '');
  },
};

describe('completion in bash', { timeout: 60_000 }, () => {
  it('completion in bash: commands, options, values, names and paths', () => expectOffers('bash'));
});
describeWith(['zsh'], 'completion in zsh', () => {
  it('completion in zsh: commands, options, values, names and paths', { timeout: 120_000 }, () => expectOffers('zsh'));
});
describeWith(['fish'], 'completion in fish', () => {
  it('completion in fish: commands, options, values, names and paths', { timeout: 120_000 }, () =>
    expectOffers('fish'),
  );
});

async function expectOffers(shell: Shell): Promise<void> {
  const offers = OFFERS[shell];
  expect(await offers('sallyport proxy de')).toEqual(expect.arrayContaining(['delete', 'default']));
  expect(await offers('sallyport check --n')).toEqual(['--now']);
  expect(await offers('sallyport logs --level ')).toEqual(expect.arrayContaining(['debug', 'info', 'warn', 'error']));
  expect(await offers('sallyport -c file.yaml proxy show ')).toEqual(['corp']);
  expect(await offers('sallyport config set updates.tru')).toEqual(['updates.trust', 'updates.trust_downgrade']);
  const [afterSign] = await offers('sallyport logs --purpose=plat');
  expect(afterSign).toBe(shell === 'fish' ? '--purpose=platform' : 'platform');
  const files = await offers('sallyport config import f');
  expect(files.map((file) => file.replace(/\/$/, ''))).toEqual(shell === 'zsh' ? ['files'] : ['file.yaml', 'folder']);
  const folders = await offers('sallyport demo --dir f');
  expect(folders.map((file) => file.replace(/\/$/, ''))).toEqual(shell === 'zsh' ? ['files', '-'] : ['folder']);
}
