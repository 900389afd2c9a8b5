// The pseudonyms that replace hosts, users and addresses. The same original gets the same pseudonym in every bundle of
// this installation. Pure.
//
// Guarantees: at most `MAX_NAMES` originals are kept; the oldest is dropped first. If it appears again, it gets a new
// number, so a pseudonym never stands for two originals. If the map was lost, the next map gets a new generation. Its
// pseudonyms contain this generation, so they differ from all earlier ones. `pseudonym-store.ts` keeps the map on disk.

import { NewestMap } from '#system/newest.ts';

/** What a name stands for. */
export type PseudonymKind = 'host' | 'user' | 'ipv4' | 'ipv6' | 'mac';

const PSEUDONYM_KINDS: readonly PseudonymKind[] = ['host', 'user', 'ipv4', 'ipv6', 'mac'];

/** In all kinds together. 50,000 names take about 4 MB. */
export const MAX_NAMES = 50_000;

/** An original, in lower case, with its number. */
export interface NamedOriginal {
  readonly kind: PseudonymKind;
  readonly original: string;
  readonly number: number;
}

/** What is kept on disk. */
export interface SavedPseudonyms {
  readonly names: readonly NamedOriginal[];
  /** The number that the next original of a kind gets. */
  readonly next: Readonly<Record<PseudonymKind, number>>;
  /** 0, or a number of 32 bits that distinguishes this map from those before it. */
  readonly generation?: number;
}

/** Gives names to originals. */
export class Pseudonyms {
  readonly #names: NewestMap<string, NamedOriginal>;
  readonly #next: Record<PseudonymKind, number> = { host: 1, user: 1, ipv4: 1, ipv6: 1, mac: 1 };
  readonly #generation: number;
  #version = 0;

  constructor(saved: SavedPseudonyms | null, maxNames = MAX_NAMES) {
    this.#names = new NewestMap(maxNames);
    this.#generation = saved?.generation ?? 0;
    for (const one of saved?.names ?? []) {
      this.#names.set(keyOf(one.kind, one.original), one);
      this.#next[one.kind] = Math.max(this.#next[one.kind], one.number + 1);
    }
    for (const kind of PSEUDONYM_KINDS) this.#next[kind] = Math.max(this.#next[kind], saved?.next[kind] ?? 1);
  }

  /** The name of an original. Hosts, users and addresses are compared without case. */
  nameOf(kind: PseudonymKind, original: string): string {
    const key = keyOf(kind, original);
    const known = this.#names.get(key);
    if (known !== undefined) return this.#render(kind, known.number);
    const number = this.#next[kind];
    this.#next[kind] += 1;
    this.#names.set(key, { kind, original: original.toLowerCase(), number });
    this.#version += 1;
    return this.#render(kind, number);
  }

  #render(kind: PseudonymKind, number: number): string {
    return this.#generation === 0 ? render(kind, number) : renderIn(this.#generation, kind, number);
  }

  /** The generation as it is in names; null for the first map of a host. */
  get generation(): string | null {
    return this.#generation === 0 ? null : this.#generation.toString(36);
  }

  /** Increases with each new name. */
  get version(): number {
    return this.#version;
  }

  /** The state to write. */
  saved(): SavedPseudonyms {
    return { names: [...this.#names.values()], next: { ...this.#next }, generation: this.#generation };
  }
}

function keyOf(kind: PseudonymKind, original: string): string {
  return `${kind} ${original.toLowerCase()}`;
}

/** 10.0.0.0/8 has this many addresses. Another program can write that many into a log. */
const MAX_ADDRESS_NUMBER = 0xff_ff_ff;

/** Addresses stay addresses, of private ranges (RFC 1918, RFC 4193) or locally administered, so that parsers accept them. */
function render(kind: PseudonymKind, number: number): string {
  const bytes = [number >>> 16, (number >>> 8) & 0xff, number & 0xff];
  const isAddress = kind === 'ipv6' || ((kind === 'ipv4' || kind === 'mac') && number <= MAX_ADDRESS_NUMBER);
  if (!isAddress) return `${kind}-${number}`;
  if (kind === 'ipv4') return `10.${bytes.join('.')}`;
  if (kind === 'mac') return `02:00:00:${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
  const groups = [number >>> 16, number & 0xff_ff].map((group) => group.toString(16));
  return groups[0] === '0' ? `fd00::${groups[1]}` : `fd00::${groups.join(':')}`;
}

/** An IPv4 or MAC address has no place for a generation. */
function renderIn(generation: number, kind: PseudonymKind, number: number): string {
  if (kind !== 'ipv6') return `${kind}-${generation.toString(36)}-${number}`;
  return `fd00:${groupsOf(generation)}::${groupsOf(number)}`;
}

function groupsOf(number: number): string {
  return `${(number >>> 16).toString(16)}:${(number & 0xff_ff).toString(16)}`;
}
