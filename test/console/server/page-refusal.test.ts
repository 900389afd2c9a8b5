import { expect, it } from 'vitest';
import { statusOf } from '#console/server/page-refusal.ts';
import { coded } from '#errors/coded-error.ts';

it.each([
  [coded('CONSOLE-REQUEST', { reason: '' }), 422],
  [coded('CONTROL-REQUEST', { reason: '' }), 422],
  [coded('CONTROL-ADMIN', { what: 'do this' }), 403],
  [coded('CONTROL-OPERATE', { what: 'do this' }), 403],
  [coded('CONFIG-FORBIDDEN', { file: 'f', reason: 'EACCES' }), 403],
  [coded('CONFIG-CHANGED', { file: 'f' }), 409],
  [coded('CHANGE-PENDING', { by: 'root', until: '' }), 409],
  [coded('CONTROL-UNREACHABLE', { path: '/s', reason: 'ENOENT' }), 503],
  [coded('CONTROL-OTHER-FILE', { path: '/s', other: 'a', file: 'b' }), 503],
  [coded('CONTROL-FOREIGN', { path: '/s', owner: 7 }), 503],
  [coded('CHANGE-NONE', {}), 400],
])('console: the status of %s is %i', (error, status) => {
  expect(statusOf(error)).toBe(status);
});

it('console: an unexpected failure has status 500', () => {
  expect(statusOf(coded('INTERNAL', { reason: 'x' }))).toBe(500);
});
