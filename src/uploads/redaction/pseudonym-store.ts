// Stores the map of pseudonyms in the state folder, so that a name is replaced in the same way in every bundle. The map
// is never part of a bundle, so only this host can find the original of a pseudonym.
//
// Guarantees: after a map was damaged, its pseudonyms are not used again. The next map has a new generation, which is
// durable before its first pseudonym. The map must be saved before a bundle is final. If a crash loses pseudonyms
// before that, they may later stand for other originals.

import { randomInt } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { SavedState } from '#system/saved-state.ts';
import { peekState } from '#system/state-file.ts';
import { MAX_NAMES, Pseudonyms, type SavedPseudonyms } from './pseudonyms.ts';

const FORMAT = 1;
/** RFC 1035, 2.3.4 limits a host name to 255 characters. */
const MAX_ORIGINAL_LENGTH = 320;
const MAX_GENERATION = 0xff_ff_ff_ff;
/** How names of files begin that `state-file.ts` set aside. */
const ASIDE = ['damaged', 'format-'];
/** A generation in names has six or seven characters. */
const MIN_GENERATION = 36 ** 5;
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
  generation: z.number().int().min(0).max(MAX_GENERATION).default(0),
});

/** The pseudonyms of this installation. */
export interface PseudonymStore {
  readonly pseudonyms: Pseudonyms;
  /** Set if the previous map could not be read and was set aside. Names are then of a new generation. */
  readonly problem: CodedError | null;
  /** Durable on return; does nothing if there are no new names. @throws CodedError DISK-FULL, FILE-* */
  save(): Promise<void>;
}

const READER = { format: FORMAT, parse: (raw: unknown): SavedPseudonyms => SAVED.parse(raw) };

/**
 * Loads the map, `pseudonyms.json` in the state folder.
 * @throws CodedError STATE-UNREADABLE, TOO-MANY-FILES, OUT-OF-MEMORY; DISK-FULL, FILE-* for a new generation
 */
export async function openPseudonyms(files: Files, path: string): Promise<PseudonymStore> {
  const state = new SavedState<SavedPseudonyms>(files, path, READER);
  const loaded = await state.load();
  const isLost = loaded.kind === 'set-aside' || (loaded.kind === 'absent' && (await wasSetAside(files, path)));
  const saved = loaded.kind === 'loaded' ? loaded.value : null;
  const pseudonyms = new Pseudonyms(isLost ? newGeneration() : saved);
  if (isLost) await state.save(() => pseudonyms.saved());
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

function newGeneration(): SavedPseudonyms {
  const next = { host: 1, user: 1, ipv4: 1, ipv6: 1, mac: 1 };
  return { names: [], next, generation: randomInt(MIN_GENERATION, MAX_GENERATION) };
}

/** A map was set aside, and a crash prevented the save of the next generation. */
async function wasSetAside(files: Files, path: string): Promise<boolean> {
  const names = await files.list(dirname(path)).catch(() => []);
  return names.some((name) => ASIDE.some((label) => name.startsWith(`${basename(path)}.${label}`)));
}

/** The names that a bundle made now would get, for a plan: nothing on disk changes, and new names are not kept. */
export async function peekPseudonyms(files: Files, path: string): Promise<Pseudonyms> {
  const peeked = await peekState(files, path, READER);
  return new Pseudonyms(peeked.kind === 'loaded' ? peeked.value : null);
}
