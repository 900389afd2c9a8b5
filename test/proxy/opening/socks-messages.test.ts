import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  connect4,
  connect5,
  greeting5,
  type Read,
  readAuthStatus,
  readMethod,
  readReply4,
  readReply5,
  userAndPassword,
} from '#proxy/opening/socks-messages.ts';

const hex = (bytes: Buffer | null) => bytes?.toString('hex') ?? null;
const of = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const NAME = Buffer.from('updates.example').toString('hex');

describe('SOCKS messages: a request', () => {
  it('offers a user only if there is one', () => {
    expect([hex(greeting5(false)), hex(greeting5(true))]).toEqual(['050100', '05020002']);
  });

  it.each([
    ['a name', 'updates.example', `05010003 0f${NAME} 01bb`],
    ['an IPv4 address', '192.0.2.7', '05010001 c0000207 01bb'],
    ['an IPv6 address', '2001:db8::1', '05010004 20010db8000000000000000000000001 01bb'],
    ['an IPv6 address with IPv4 at its end', '64:ff9b::192.0.2.7', '05010004 0064ff9b0000000000000000c0000207 01bb'],
    ['an IPv6 address with a zone', 'fe80::1%eth0', '05010004 fe800000000000000000000000000001 01bb'],
    ['the unspecified address', '::', '05010004 00000000000000000000000000000000 01bb'],
  ])('for SOCKS 5 contains %s', (_what, host, message) => {
    expect(hex(connect5(host, 443))).toBe(message.replaceAll(' ', ''));
  });

  it.each([
    ['an address without a user', '192.0.2.7', '', '0401 01bb c0000207 00'],
    ['an address with a user', '192.0.2.7', 'svc', '0401 01bb c0000207 73766300'],
    ['a name, as 4a has it', 'updates.example', 'svc', `0401 01bb 00000001 73766300 ${NAME} 00`],
  ])('for SOCKS 4 contains %s', (_what, host, user, message) => {
    expect(hex(connect4(host, 443, user))).toBe(message.replaceAll(' ', ''));
  });

  it('has user and password as in RFC 1929, in UTF-8', () => {
    expect(hex(userAndPassword('svc', 'pä'))).toBe('0103737663 0370c3a4'.replaceAll(' ', ''));
  });

  it('is null if it does not fit', () => {
    const long = 'x'.repeat(256);
    expect([connect5(long, 1), connect5('', 1), connect4(long, 1, ''), connect4('2001:db8::1', 1, '')]).toEqual(
      Array(4).fill(null),
    );
    expect([userAndPassword('', 'p'), userAndPassword('u', ''), userAndPassword(long, 'p')]).toEqual(
      Array(3).fill(null),
    );
    expect([connect4('a\0b', 1, ''), connect4('a', 1, 'u\0')]).toEqual([null, null]);
    expect(connect5('x'.repeat(255), 1)).toHaveLength(4 + 1 + 255 + 2);
  });
});

describe('SOCKS messages: a reply', () => {
  it.each([
    ['0502', readMethod, 2],
    ['0100', readAuthStatus, true],
    ['01ff', readAuthStatus, false],
    // The version of the other standard, which some servers say.
    ['0500', readAuthStatus, true],
  ] as const)('%s is a message of two bytes', (message, read, value) => {
    expect(read(of(message))).toEqual({ kind: 'read', value, length: 2 });
  });

  it.each([
    ['IPv4', '05000001 7f000001 0050', 10],
    ['IPv6', `05000004 ${'00'.repeat(16)} 0050`, 22],
    ['a name', `05000003 0f${NAME} 0050`, 22],
    ['a name of nothing', '05000003 00 0050', 7],
  ])('grants %s, without the bytes after it', (_what, message, length) => {
    const whole = of(message);
    expect(readReply5(Buffer.concat([whole, Buffer.from('glued')]))).toEqual({
      kind: 'read',
      value: { code: 0, words: null },
      length,
    });
    for (let cut = 0; cut < length; cut += 1) expect(readReply5(whole.subarray(0, cut))).toEqual({ kind: 'short' });
  });

  it.each([
    [2, 'not allowed by its rules'],
    [4, 'host unreachable'],
    [6, 'time to live expired'],
    [77, 'an unknown reply code'],
  ])('describes a refusal %d, even if the rest of it is missing', (code, words) => {
    expect(readReply5(Buffer.from([5, code]))).toMatchObject({ kind: 'read', value: { code, words } });
  });

  it.each([
    ['005a 0050 7f000001', { code: 90, words: null }, 8],
    ['045a 0050 7f000001', { code: 90, words: null }, 8],
    ['005b', { code: 91, words: 'rejected or failed' }, 2],
    ['005d', { code: 93, words: 'the identd of this host reports another user' }, 2],
  ])('of SOCKS 4 is read: %s', (message, value, length) => {
    expect(readReply4(of(message))).toEqual({ kind: 'read', value, length });
  });

  it.each([
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n')],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
    ['a TLS record', Buffer.from([21, 3, 1])],
  ])('of another protocol is recognized: %s', (_what, message) => {
    for (const read of [readMethod, readAuthStatus, readReply4, readReply5]) {
      expect(read(message)).toEqual({ kind: 'foreign' });
    }
  });

  it('a SOCKS message: an unknown address type or SOCKS 4 number is not SOCKS', () => {
    expect(readReply5(of('05000009 00'))).toEqual({ kind: 'foreign' });
    expect(readReply4(of('0059'))).toEqual({ kind: 'foreign' });
  });
});

describe('SOCKS messages: any bytes of a proxy', () => {
  const readers: readonly ((bytes: Buffer) => Read<unknown>)[] = [readMethod, readAuthStatus, readReply4, readReply5];
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map((rest) => Uint8Array.from([5, 0, 0, ...rest])),
    fc.uint8Array({ maxLength: 20 }).map((rest) => Uint8Array.from([0, ...rest])),
  );

  it('a SOCKS message: a reader stays within its bytes, and chunk sizes do not matter', () => {
    fc.assert(
      fc.property(hostile, (sent) => {
        const bytes = Buffer.from(sent);
        for (const read of readers) {
          const verdict = read(bytes);
          if (verdict.kind === 'read') expect(verdict.length).toBeLessThanOrEqual(bytes.length);
          // The first verdict on a growing message is final: later bytes change nothing.
          const first = Array.from({ length: bytes.length + 1 }, (_none, cut) => read(bytes.subarray(0, cut))).find(
            ({ kind }) => kind !== 'short',
          );
          expect((first ?? { kind: 'short' }).kind).toBe(verdict.kind);
          if (first?.kind === 'read' && verdict.kind === 'read') expect(first.value).toEqual(verdict.value);
        }
      }),
    );
  });
});
