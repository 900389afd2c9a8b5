// Makes the three packages of the demo: valid .JAR files that `jar tf` lists, with content that does not compress.
//
// The random numbers have fixed seeds, so each id has the same bytes and digest at every start. A package is large
// enough to show a progress bar and a scan, and small enough to arrive within seconds.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { strToU8, type Zippable, zipSync } from 'fflate';

export interface DemoPackage {
  readonly id: string;
  /** Approximate size in bytes. */
  readonly bytes: number;
  /** The content of `ID.meta.json`, which `feed build` reads. */
  readonly meta: {
    readonly package: string;
    readonly kind: 'content' | 'product';
    readonly requires?: readonly string[];
    readonly notes: string;
  };
}

const MB = 1_000_000;

/** The product requires the first content package, so that one is downloaded although a newer one replaces it. */
export const DEMO_PACKAGES: readonly DemoPackage[] = [
  { id: '1602503', bytes: 4 * MB, meta: { package: 'content', kind: 'content', notes: 'Checks of November.' } },
  {
    id: '1602504',
    bytes: 6 * MB,
    meta: { package: 'product', kind: 'product', requires: ['1602503'], notes: 'The program that runs the checks.' },
  },
  { id: '1602510', bytes: 12 * MB, meta: { package: 'content', kind: 'content', notes: 'Checks of December.' } },
];

/** Published while the demo runs. */
export const DEMO_NEWS: DemoPackage = {
  id: '1602511',
  bytes: 2 * MB,
  meta: { package: 'content', kind: 'content', notes: 'Checks of January.' },
};

/** Writes `<id>.jar` and `<id>.meta.json` for each. */
export async function writePackages(dir: string, packages: readonly DemoPackage[]): Promise<void> {
  for (const one of packages) {
    await writeFile(join(dir, `${one.id}.jar`), makeJar(one));
    await writeFile(join(dir, `${one.id}.meta.json`), `${JSON.stringify(one.meta, null, 2)}\n`);
  }
}

/** Midday, so that the date is the same in every time zone: the archive stores local time without a zone. */
const ENTRY_TIME = new Date(2026, 10, 20, 12);
const ENTRY_BYTES = MB;

/** The manifest comes first, as the .JAR format requires. Entries are stored without compression. */
function makeJar({ id, bytes }: DemoPackage): Uint8Array {
  const manifest = `Manifest-Version: 1.0\r\nCreated-By: Sallyport demo\r\nImplementation-Version: ${id}\r\n\r\n`;
  const entries: Zippable = { 'META-INF/MANIFEST.MF': strToU8(manifest) };
  const next = makeNumbers(Number(id));
  for (let made = 0, part = 1; made < bytes; made += ENTRY_BYTES, part += 1) {
    entries[`updates/${id}/part-${String(part).padStart(2, '0')}.bin`] = makeNoise(ENTRY_BYTES, next);
  }
  return zipSync(entries, { level: 0, mtime: ENTRY_TIME });
}

function makeNoise(bytes: number, next: () => number): Uint8Array {
  const words = new Uint32Array(bytes / 4);
  for (let index = 0; index < words.length; index += 1) words[index] = next();
  return new Uint8Array(words.buffer);
}

/** Marsaglia's xorshift with 32 bits. It only makes noise for the archive. */
function makeNumbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
