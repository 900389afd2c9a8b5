// Remembers a Save in the browser until its end was seen, so that a page can say what became of it if the console, the
// connection or the tab ended before. The values are those that a page shows, so no secret is among them.

import type { KeyDifference } from '#console/saving/differences.ts';
import type { SettingsView } from '#console/saving/settings-view.ts';

const SAVED_FROM = 'sallyport-save';

interface RememberedSave {
  /** Of the file as it was. */
  readonly digest: string;
  readonly attempt: string;
  /** What it changes; empty until the console has reported it. */
  readonly differences: readonly KeyDifference[];
}

/**
 * What became of a Save whose end this browser did not see. `old`: the file was not changed. `new`: it has the values of this
 * Save. `other`: it was changed, but does not have all of these values. `unknown`: it was changed, and the values of the Save
 * are not known, or are secret.
 */
export type UnseenEnd = 'old' | 'new' | 'other' | 'unknown';

/** Before a Save. */
export function rememberSave(digest: string, attempt: string): void {
  remember({ digest, attempt, differences: [] });
}

/** Once it is known what this Save changes. */
export function rememberDifferences(attempt: string, differences: readonly KeyDifference[]): void {
  const known = rememberedSave();
  if (known?.attempt === attempt && known.differences.length === 0) remember({ ...known, differences });
}

/** The Save whose end was not seen yet; null if there is none. */
export function rememberedSave(): RememberedSave | null {
  try {
    const known = JSON.parse(localStorage.getItem(SAVED_FROM) ?? 'null') as Partial<RememberedSave> | null;
    const { digest, attempt, differences } = known ?? {};
    if (typeof digest !== 'string' || typeof attempt !== 'string' || !Array.isArray(differences)) return null;
    return { digest, attempt, differences };
  } catch {
    return null;
  }
}

export function forgetSave(attempt: string): void {
  if (rememberedSave()?.attempt === attempt) localStorage.removeItem(SAVED_FROM);
}

/** Null if the file cannot be read now. */
export function unseenEnd({ digest, differences }: RememberedSave, view: SettingsView): UnseenEnd | null {
  if (view.digest === '') return null;
  if (view.digest === digest) return 'old';
  const shown = differences.filter(({ after }) => after !== 'a new password' && !/^\*+$/.test(after ?? ''));
  if (shown.length === 0) return 'unknown';
  const values = valuesOf(view);
  const hasAll = shown.every(({ key, after }) => {
    const now = values.get(key);
    // A key that the change removes has its default now, which is not in the file.
    return after === null ? now?.source !== 'file' : now?.text === after;
  });
  return hasAll ? 'new' : 'other';
}

/** By key, with the name of a profile instead of its number, as in the differences. */
function valuesOf({ keys }: SettingsView): Map<string, { readonly text: string; readonly source: string }> {
  const names = new Map(keys.flatMap(({ key, value }) => (/^proxies\[\d+\]\.name$/.test(key) ? [[key, value]] : [])));
  return new Map(
    keys.map(({ key, value, source }) => {
      const [, profile, rest] = /^(proxies\[\d+\])\.(.+)$/.exec(key) ?? [];
      const name = profile === undefined ? undefined : names.get(`${profile}.name`);
      const text = Array.isArray(value) ? value.join(', ') : String(value ?? '');
      return [name === undefined ? key : `proxies.${String(name)}.${rest}`, { text, source }];
    }),
  );
}

function remember(save: RememberedSave): void {
  localStorage.setItem(SAVED_FROM, JSON.stringify(save));
}
