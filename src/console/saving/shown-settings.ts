// The settings that a page shows, made from rows of keys with secrets masked. The rows come from the file, or from the
// daemon for a user who cannot read the file; both give the same. Pure.

import { type ProxyFacts, proxyFacts } from '#changes/proxy/facts.ts';
import { parsePath, valuesAfter } from '#config/editing/edit.ts';
import type { Plain } from '#config/editing/edit-render.ts';
import { PURPOSES } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import type { SettingsList } from '#control/settings.ts';

/** One key with its effective value. */
export type ShownKey = SettingsList['keys'][number];

/** What a page showed. A change is made only to a file with this digest. */
export interface ShownSettings {
  readonly file: string;
  readonly digest: string;
  readonly keys: readonly ShownKey[];
  /** The values of the rows. A secret is a mask; a key without value and default is absent. */
  readonly settings: Settings;
  /** The same as plain data. */
  readonly values: Plain;
  /** The values that the file sets, without defaults. */
  readonly inFile: Plain;
}

/** The sections that the functions of a change read, also while the daemon cannot list their keys. */
const EMPTY: Plain = {
  ...Object.fromEntries(PURPOSES.map((purpose) => [purpose, {}])),
  response_timeout: {},
  proxies: [],
  use_proxy_for: {},
};

/** The settings of these rows. */
export function shownOf(file: string, digest: string, keys: readonly ShownKey[]): ShownSettings {
  const values = valuesOfRows(EMPTY, keys);
  const inFile = valuesOfRows(
    {},
    keys.filter(({ source }) => source === 'file'),
  );
  return { file, digest, keys, values, inFile, settings: values as unknown as Settings };
}

function valuesOfRows(base: Plain, keys: readonly ShownKey[]): Plain {
  return valuesAfter(
    base,
    keys.flatMap(({ key, value }) =>
      value === null ? [] : [{ kind: 'set', path: parsePath(key), value: value as Plain } as const],
    ),
  );
}

/**
 * The rows of a user who cannot read the file. The profiles are those of the file, which the change service reads. The
 * other keys are those of the daemon, whose file may be older: its profiles are used only if they have the same names.
 */
export function mergedRows(facts: ProxyFacts, active: readonly ShownKey[]): ShownKey[] {
  const names = active.filter(({ key }) => /^proxies\[\d+\]\.name$/.test(key)).map(({ value }) => value);
  const isSame =
    names.length === facts.proxies.length && facts.proxies.every(({ name }, index) => name === names[index]);
  const own = new Map(rowsOfFacts(facts).map((row) => [row.key, row]));
  const kept = active
    .filter(({ key }) => isSame || !key.startsWith('proxies'))
    .map((row) => {
      const fromFile = own.get(row.key);
      return fromFile === undefined ? row : { ...row, value: fromFile.value };
    });
  const known = new Set(kept.map(({ key }) => key));
  return [...kept, ...[...own.values()].filter(({ key }) => !known.has(key))];
}

function rowsOfFacts(facts: ProxyFacts): ShownKey[] {
  const row = (key: string, value: ShownKey['value']): ShownKey => ({
    key,
    value,
    source: 'file',
    line: null,
    set_by: key === 'proxy_required' ? 'root' : 'admin',
  });
  return [
    row('proxy_enabled', facts.proxy_enabled),
    row('proxy_required', facts.proxy_required),
    ...Object.entries(facts.use_proxy_for).map(([purpose, use]) => row(`use_proxy_for.${purpose}`, use)),
    ...facts.proxies.flatMap(({ has_password: hasPassword, default: isDefault, ...profile }, index) => [
      ...Object.entries({ ...profile, default: isDefault }).map(([key, value]) =>
        row(`proxies[${index}].${key}`, value),
      ),
      row(`proxies[${index}].password`, hasPassword ? '***' : null),
    ]),
  ];
}

/** The facts about the proxies that the functions of a change need. */
export function factsIn({ settings, file, digest }: ShownSettings): ProxyFacts {
  return proxyFacts({ settings, file, digest });
}
