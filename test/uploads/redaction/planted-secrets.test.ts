import { describe, expect, it } from 'vitest';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createBundleRedactor } from '#uploads/redaction/redactor.ts';
import { type Planted, plantedSecrets } from './planted-secrets.ts';

const EACH = 200;
const redactor = createBundleRedactor({ known: new KnownSecrets() });
const planted = plantedSecrets(EACH);
const kinds = [...new Set(planted.map(({ kind }) => kind))];

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

async function redact(text: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of redactor.redactLines(bytesOf(text), new Map())) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function isMissed({ text, secrets }: Planted): Promise<boolean> {
  const left = await redact(`the line before\n${text}\nthe line after\n`);
  return secrets.some((secret) => left.includes(secret));
}

describe('redaction of planted secrets', () => {
  it.each(kinds)('planted secrets: at least 99 in 100 of kind %s are masked', async (kind) => {
    const missed: string[] = [];
    for (const one of planted.filter((other) => other.kind === kind)) if (await isMissed(one)) missed.push(one.text);
    expect(missed.length, missed.slice(0, 3).join('\n')).toBeLessThanOrEqual(EACH / 100);
  });

  it('planted secrets: the lines around a secret stay as they are', async () => {
    const changed: string[] = [];
    for (const { text } of planted.filter((_, index) => index % 20 === 0)) {
      const left = await redact(`the line before\n${text}\nthe line after\n`);
      if (!left.startsWith('the line before\n') || !left.endsWith('\nthe line after\n')) changed.push(text);
    }
    // A private key without its last line may mask what follows.
    expect(changed.filter((text) => !text.includes('PRIVATE KEY'))).toEqual([]);
  });
});
