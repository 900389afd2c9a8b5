import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT_OK, EXIT_STATUS, EXIT_SUBMIT, EXIT_USAGE } from '#errors/exit-status.ts';
import { readHelp } from '#test/support/help.ts';

const page = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');

/** The text of one `##` section. */
function section(title: string): string {
  return page.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
}

describe('docs/commands.md', () => {
  it('lists every exit status of the program once, and no other', () => {
    const rows = [...section('Exit statuses').matchAll(/^\| (\d+) \| ?([a-z]*) ?\|/gm)];
    const listed = rows.map(([, status, name]) => [Number(status), name]);
    const real = Object.entries(EXIT_STATUS).map(([name, status]) => [status, name]);
    const order = (pairs: unknown[][]) => pairs.toSorted(([a], [b]) => Number(a) - Number(b));
    const ofSubmit = Object.values(EXIT_SUBMIT).map((status) => [status, '']);
    expect(order(listed)).toEqual(order([[EXIT_OK, ''], [EXIT_USAGE, ''], ...ofSubmit, ...real]));
  });

  it('lists every command of --help once, and no other', async () => {
    const cells = [...section('Commands').matchAll(/^\| (`[^|]*(?:\\\|[^|]*)*) \|/gm)].map(([, cell = '']) => cell);
    const listed = cells.flatMap((cell) =>
      [...cell.matchAll(/`([a-z]+(?:-[a-z]+)?(?: [a-z][a-z-]*){0,2})[^`]*`/g)].map(([, name = '']) => name),
    );
    const real = (await readHelp()).filter(({ works }) => works).map(({ path }) => path.join(' '));
    expect(listed.toSorted()).toEqual(real.toSorted());
  });
});
