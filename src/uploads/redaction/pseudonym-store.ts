// Keeps the map of pseudonyms in the state folder, so that names stay the same in every bundle. The map is never part
// of a bundle, so only this host can resolve a name.
//
// The map must be saved before a bundle is final. After a crash, names that were not saved may be used for other
// originals.

import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { SavedState } from '#system/saved-state.ts';
import { peekState } from '#system/state-file.ts';
import { MAX_NAMES, Pseudonyms, type SavedPseudonyms } from './pseudonyms.ts';

const FORMAT = 1;
/** RFC 1035, 2.3.4 limits a host name to 255 characters. */
const MAX_ORIGINAL_LENGTH = 320;
const NUMBER = z.number().int().min(1).max(0xff_ff_ff_ff);

const SAVED = z.object({
  names: z
    .array(
      z.object({
        kind: z.enum(['host', 'user', 'ipv4', 'ipv6', 'mac']),
        original: z.string().max(MAX_ORIGINAL_LENGTH),
        number: NUMBER,
      }),
    )
    .max(MAX_NAMES),
  next: z.object({ host: NUMBER, user: NUMBER, ipv4: NUMBER, ipv6: NUMBER, mac: NUMBER }),
});

/** The pseudonyms of this installation. */
export interface PseudonymStore {
  readonly pseudonyms: Pseudonyms;
  /** Set if the previous map could not be read and was set aside. Names then start over. */
  readonly problem: CodedError | null;
  /** Durable on return; does nothing if there are no new names. @throws CodedError DISK-FULL, FILE-* */
  save(): Promise<void>;
}

const READER = { format: FORMAT, parse: (raw: unknown): SavedPseudonyms => SAVED.parse(raw) };

/** Loads the map, `pseudonyms.json` in the state folder. @throws CodedError STATE-UNREADABLE, TOO-MANY-FILES, OUT-OF-MEMORY */
export async function openPseudonyms(files: Files, path: string): Promise<PseudonymStore> {
  const state = new SavedState<SavedPseudonyms>(files, path, READER);
  const loaded = await state.load();
  const pseudonyms = new Pseudonyms(loaded.kind === 'loaded' ? loaded.value : null);
  let savedVersion = pseudonyms.version;
  return {
    pseudonyms,
    problem: loaded.kind === 'set-aside' ? loaded.error : null,
    save: async () => {
      const { version } = pseudonyms;
      if (version === savedVersion) return;
      await state.save(() => pseudonyms.saved());
      savedVersion = version;
    },
  };
}

/** The names that a bundle made now would get, for a plan: nothing on disk changes, and new names are not kept. */
export async function peekPseudonyms(files: Files, path: string): Promise<Pseudonyms> {
  const peeked = await peekState(files, path, READER);
  return new Pseudonyms(peeked.kind === 'loaded' ? peeked.value : null);
}
