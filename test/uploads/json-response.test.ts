import { expect, it } from 'vitest';
import { jsonOf } from '#uploads/json-response.ts';

const body = Buffer.from('{"a":1}');

it.each(['application/json', 'Application/JSON; charset=utf-8', 'application/problem+json', 'application/vnd.x+json'])(
  'JSON response: is read with the type %s',
  (contentType) => expect(jsonOf({ contentType, body })).toEqual({ a: 1 }),
);

it.each([undefined, '', 'text/html', 'text/json', 'application/jsonp', 'application/json-seq'])(
  'JSON response: is nothing with the type %s',
  (contentType) => expect(jsonOf({ contentType, body })).toBeUndefined(),
);

it.each([
  ['not JSON', '{"a":'],
  ['empty', ''],
  ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
])('JSON response: is nothing if its text is %s', (_, text) =>
  expect(jsonOf({ contentType: 'application/json', body: Buffer.from(text) })).toBeUndefined(),
);
