import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT_OK, EXIT_STATUS, EXIT_SUBMIT, EXIT_USAGE } from '#errors/exit-status.ts';
import { readHelp } from '#test/support/help.ts';

const source = readFileSync(new URL('../../docs/man/sallyport.8', import.meta.url), 'utf8');
const commands = await readHelp();
const [program] = commands;
const working = commands.filter(({ works }) => works).map((command) => ({ ...command, name: command.path.join(' ') }));
const ofAll = new Set(program?.options);

/** The text after the macro of a command: its options and arguments, and the words below. */
function chapterOf(name: string): string {
  const chapters = source.slice(source.indexOf('.Sh COMMANDS'), source.indexOf('.Sh ENVIRONMENT')).split(/^\.It Cm /m);
  return chapters.find((chapter) => chapter.startsWith(`${name} `) || chapter.startsWith(`${name}\n`)) ?? '';
}

describe('docs/man/sallyport.8', () => {
  it('has every command, and no other', () => {
    const told = [...source.matchAll(/^\.It Cm ([a-z]+(?:-[a-z]+)?(?: [a-z][a-z-]*){0,2})/gm)].map(([, name]) => name);
    expect(told.toSorted()).toEqual(working.map(({ name }) => name).toSorted());
  });

  it.each(working)('has every option and argument of $name, and no other', ({ name, options, places }) => {
    const chapter = chapterOf(name);
    const own = options.filter((option) => !ofAll.has(option));
    const told = [...chapter.matchAll(/Fl (-[a-z0-9-]+|[a-z])\b/g)].map(([, option]) => `-${option}`);
    expect([...new Set(told)].toSorted()).toEqual(own.toSorted());
    const [head = ''] = chapter.split('\n');
    for (const place of places) expect(head).toContain(`Ar ${place.slice(1, -1)}`);
  });

  it('has the options of every command', () => {
    for (const option of ofAll) expect(source).toMatch(new RegExp(`Fl ${option.slice(1)}\\b`));
  });

  it('has every exit status, and no other', () => {
    const chapter = source.slice(source.indexOf('.Sh EXIT STATUS'), source.indexOf('.Sh EXAMPLES'));
    const told = [...chapter.matchAll(/^\.It (\d+)$/gm)].map(([, status]) => Number(status));
    const real = [EXIT_OK, EXIT_USAGE, ...Object.values(EXIT_SUBMIT), ...Object.values(EXIT_STATUS)];
    expect(told).toEqual(real.toSorted((a, b) => a - b));
  });
});
