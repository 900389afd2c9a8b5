// Remembers a Save in the browser until its end was seen, so that a page can say what became of it if the console ended.

import type { SettingsView } from '#console/saving/settings-view.ts';

const SAVED_FROM = 'sallyport-save';

/** Before a Save: the digest of the file as it is. */
export function rememberSave(digest: string): void {
  localStorage.setItem(SAVED_FROM, digest);
}

/**
 * After a Save whose end this browser did not see, because the console or the connection ended: whether the file is still
 * the one from before. Null if there was none.
 */
export function unseenSave({ digest }: SettingsView): 'old' | 'new' | null {
  const before = localStorage.getItem(SAVED_FROM);
  if (before === null || digest === '') return null;
  return before === digest ? 'old' : 'new';
}

export function forgetUnseenSave(): void {
  localStorage.removeItem(SAVED_FROM);
}
