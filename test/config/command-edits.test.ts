// What the commands for proxies and routes write to a hundred generated files in unusual styles. Each command makes
// several edits in one write and must not touch unrelated lines.

import { describe, expect, it } from 'vitest';
import { type Edit, spliceEdits } from '#config/editing/edit.ts';
import {
  addProfile,
  changeProfile,
  deleteProfile,
  makeDefault,
  routesWithout,
  setRoute,
} from '#config/editing/profile-edits.ts';
import type { Settings } from '#config/settings.ts';
import { ODD_NAMES, oddFile } from '#test/support/odd-yaml.ts';
import { testSettings } from '#test/support/test-settings.ts';

/** The proxies and routes of every generated file, each in its own style. */
const settings: Settings = testSettings('/x', {
  proxies: ODD_NAMES.map((name, index) => ({ name, address: `${name}.example.com`, default: index === 0 })),
  use_proxy_for: { updates: 'alpha' },
});

/** Length of the longest common subsequence of lines. */
function keptLines(before: readonly string[], after: readonly string[]): number {
  let row = new Array<number>(after.length + 1).fill(0);
  for (const line of before) {
    const next = [0];
    for (const [index, other] of after.entries()) {
      const longer = Math.max(row[index + 1] ?? 0, next[index] ?? 0);
      next.push(line === other ? (row[index] ?? 0) + 1 : longer);
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

const linesOf = (text: string) => text.split(/(?<=\n)/);

interface Written {
  readonly edits: readonly Edit[];
  /** Number of lines that may change. */
  readonly others: number;
  /** Number of lines that may be added. */
  readonly more: number;
}

/** One line for each new key, and one for a missing final line break. */
const COMMANDS: Readonly<Record<string, Written>> = {
  'proxy default beta': { edits: makeDefault(settings, 'beta'), others: 2, more: 1 },
  'proxy disable': { edits: [{ kind: 'set', path: 'proxy_enabled', value: false }], others: 1, more: 2 },
  'route set updates none': { edits: setRoute(settings, 'updates', 'none'), others: 1, more: 0 },
  'route set support_logs gamma': { edits: setRoute(settings, 'support_logs', 'gamma'), others: 1, more: 1 },
  'proxy edit alpha --rename main --port 8080': {
    edits: changeProfile(settings, 'alpha', {
      changes: [{ path: ['port'], value: 8080 }],
      name: 'main',
      isDefault: false,
    }),
    others: 3,
    more: 0,
  },
  'proxy add delta --default': {
    edits: addProfile(settings, {
      name: 'delta',
      changes: [{ path: ['address'], value: 'delta.example.com' }],
      isDefault: true,
    }),
    others: 2,
    more: 3,
  },
};

const seeds = Array.from({ length: 100 }, (_, index) => index + 1);

describe.each(seeds)('commands on the generated file %i', (seed) => {
  const file = oddFile(seed);
  const before = linesOf(file.text);

  it.each(Object.entries(COMMANDS))('change only their own lines: %s', (_name, { edits, others, more }) => {
    const after = spliceEdits(file.text, edits);
    const lines = linesOf(after);
    expect(before.length - keptLines(before, lines)).toBeLessThanOrEqual(others);
    expect(lines.length - before.length).toBeLessThanOrEqual(more);
    // New lines have the line ends of the file.
    expect(after.replaceAll('\r\n', '').includes('\r')).toBe(false);
    expect(after.replaceAll(file.eol, '').includes('\n')).toBe(false);
    // The same command again changes nothing.
    expect(edits.some(({ kind }) => kind === 'append') || spliceEdits(after, edits) === after).toBe(true);
  });

  it('proxy delete --force: changes only the lines of the profile and its users', () => {
    const after = spliceEdits(file.text, deleteProfile(settings, 'alpha', routesWithout(settings, 'alpha', 'beta')));
    const rest = linesOf(file.without('entry:0'));
    const lines = linesOf(after);
    expect(rest.length - keptLines(rest, lines)).toBeLessThanOrEqual(2);
    expect(lines.length - rest.length).toBeLessThanOrEqual(1);
    expect(after).not.toContain('alpha');
  });
});
