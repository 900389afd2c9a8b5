// Small packages for tests: real archives in which bytes at a wrong offset are noticed.

import { createCipheriv, createHash } from 'node:crypto';
import { zipSync } from 'fflate';

/** A stored JAR of about this many bytes, the same for the same name. */
export function makeJar(name: string, bytes: number): Buffer {
  const content = new Uint8Array(bytes);
  let block = createHash('sha256').update(name).digest();
  for (let at = 0; at < bytes; at += 32) {
    content.set(block.subarray(0, Math.min(32, bytes - at)), at);
    block = createHash('sha256').update(block).digest();
  }
  return jarWith(content);
}

/** For hundreds of megabytes: `makeJar` takes 10 s of a core for 100 MB. */
export function makeBigJar(name: string, bytes: number): Buffer {
  const key = createHash('sha256').update(name).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return jarWith(cipher.update(Buffer.alloc(bytes)));
}

function jarWith(content: Uint8Array): Buffer {
  const manifest = Buffer.from('Manifest-Version: 1.0\r\n\r\n');
  const mtime = new Date(2026, 0, 2);
  return Buffer.from(zipSync({ 'META-INF/MANIFEST.MF': manifest, 'content.bin': content }, { level: 0, mtime }));
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A feed item for these bytes, served as `<id>.jar`. */
export function itemFor(id: string, bytes: Uint8Array, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    package: 'content',
    sequence: Number(/\d+$/.exec(id)?.[0] ?? 1),
    file: `${id}.jar`,
    length: bytes.length,
    sha256: sha256(bytes),
    released: '2026-11-01T00:00:00Z',
    kind: 'content',
    ...fields,
  };
}

/** A feed document, valid for a long time. */
export function feedOf(items: readonly unknown[], fields: Record<string, unknown> = {}): string {
  return JSON.stringify({ format: 1, serial: 1, expires: '2099-01-01T00:00:00Z', items, ...fields });
}
