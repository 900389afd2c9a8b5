import { describe, expect, it } from 'vitest';
import type { Edit } from '#config/editing/edit.ts';
import { requireNewNames } from '#config/editing/renamed-keys.ts';

const OLD = 'version: 1\nendpoints:\n  support_logs: https://logs.example.com/\n';
const NEW = 'version: 2\nsupport_logs:\n  url: https://logs.example.com/\n';
const URL_NOW = 'https://other.example.com/';

function refusal(text: string, edit: Edit): unknown {
  try {
    requireNewNames(text, [edit]);
    return null;
  } catch (thrown) {
    return thrown;
  }
}

describe('renamed keys', () => {
  it.each<[string, Edit]>([
    ['sets the new name', { kind: 'set', path: ['support_logs', 'url'], value: URL_NOW }],
    ['sets the section of the new name', { kind: 'set', path: 'support_logs', value: { url: URL_NOW } }],
    ['removes the new name, which would have no effect', { kind: 'remove', path: 'support_logs.url' }],
  ])('refuse a change of a version 1 file that %s', (_what, edit) => {
    expect(refusal(OLD, edit)).toMatchObject({
      code: 'CONFIG-RENAMED',
      facts: { old: 'endpoints.support_logs', key: 'support_logs.url', since: 2 },
      message: expect.stringContaining('has the old name on line 3'),
      check: expect.stringContaining('sallyport config upgrade'),
    });
  });

  it.each([OLD, NEW])('refuse a change that uses the old name: %j', (text) => {
    const edit = { kind: 'set', path: 'endpoints.support_logs', value: URL_NOW } as const;
    expect(refusal(text, edit)).toMatchObject({ code: 'CONFIG-RENAMED', message: expect.stringContaining('old name') });
  });

  it.each<[string, string, Edit]>([
    ['another key of the section', OLD, { kind: 'set', path: 'support_logs.enabled', value: true }],
    ['a purpose whose old name is not in the file', OLD, { kind: 'set', path: 'platform.url', value: URL_NOW }],
    ['a key that was not renamed', OLD, { kind: 'set', path: 'proxy_enabled', value: false }],
    ['a file of version 2', NEW, { kind: 'set', path: 'support_logs.url', value: URL_NOW }],
  ])('accept a change of %s', (_what, text, edit) => {
    expect(refusal(text, edit)).toBeNull();
  });
});
