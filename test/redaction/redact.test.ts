import { expect, it } from 'vitest';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';

it('redaction: known values, and values where a secret would be, are masked', () => {
  const known = new KnownSecrets();
  const redactor = createRedactor(known);
  known.add('hunter2hunter2');

  expect(redactor.redact('http://u:p@h/ hunter2hunter2 ?token=abc')).toBe('http://***@h/ *** ?token=***');
});

it('redaction: a text without secrets is returned unchanged', () => {
  const text = 'Checking for updates at https://updates.example.com/feed.json.';

  expect(createRedactor(new KnownSecrets()).redact(text)).toBe(text);
});
