import { expect, it } from 'vitest';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';

it('masks what is known and what stands where a secret would', () => {
  const known = new KnownSecrets();
  const redactor = createRedactor(known);
  known.add('hunter2hunter2');

  expect(redactor.redact('http://u:p@h/ hunter2hunter2 ?token=abc')).toBe('http://***@h/ *** ?token=***');
});

it('returns a text without secrets as it is', () => {
  const text = 'Checking for updates at https://updates.example.com/feed.json.';

  expect(createRedactor(new KnownSecrets()).redact(text)).toBe(text);
});
