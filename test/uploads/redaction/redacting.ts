// Redacts whole texts, in chunks of any size.

import { KnownSecrets } from '#redaction/known-secrets.ts';
import { type BundleRedactor, createBundleRedactor } from '#uploads/redaction/redactor.ts';
import type { RuleCounts } from '#uploads/redaction/windows.ts';

/** The bytes in chunks of these sizes, again and again. */
export async function* chunks(bytes: Uint8Array, sizes: readonly number[] = [65_536]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length]!;
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

export async function redactStream(redactor: BundleRedactor, source: AsyncIterable<Uint8Array>) {
  const counts: RuleCounts = new Map();
  const parts: Uint8Array[] = [];
  for await (const part of redactor.redactLines(source, counts)) parts.push(part);
  return { bytes: Buffer.concat(parts), counts };
}

export const redact = (redactor: BundleRedactor, bytes: Uint8Array, sizes?: readonly number[]) =>
  redactStream(redactor, chunks(bytes, sizes));

export async function redactText(redactor: BundleRedactor, text: string) {
  return (await redact(redactor, Buffer.from(text))).bytes.toString();
}

/** A redactor that knows these secrets of the configuration. */
export function knowing(...values: string[]): BundleRedactor {
  const known = new KnownSecrets();
  for (const value of values) known.add(value);
  return createBundleRedactor({ known });
}
