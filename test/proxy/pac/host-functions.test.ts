import { describe, expect, it } from 'vitest';
import { hostFunctions } from '#proxy/pac/host-functions.ts';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'inside.example': ['2001:db8::7', '10.1.2.3'],
  'old.example': ['10.9.9.9'],
  'new.example': ['2001:db8::9'],
};
const asked: string[] = [];
const functions = hostFunctions(
  (name, family) => {
    asked.push(name);
    return (NAMES[name] ?? []).filter((address) => family === 'any' || !address.includes(':'));
  },
  () => ['2001:db8::1', '192.0.2.1'],
);

type Name = keyof typeof functions;
const call = (name: Name, given: readonly unknown[]) =>
  (functions[name] as (...all: readonly unknown[]) => unknown)(...given);

/** Function, arguments, result: a row for each sentence of the documentation, and for what it leaves open. */
const TABLE: readonly (readonly [Name, readonly unknown[], unknown])[] = [
  ['isPlainHostName', ['www'], true],
  ['isPlainHostName', ['www.mozilla.org'], false],
  ['isPlainHostName', ['2001:db8::1'], false],
  ['dnsDomainIs', ['www.mozilla.org', '.mozilla.org'], true],
  ['dnsDomainIs', ['www', '.mozilla.org'], false],
  ['dnsDomainIs', ['notmozilla.org', '.mozilla.org'], false],
  ['localHostOrDomainIs', ['www.mozilla.org', 'www.mozilla.org'], true],
  ['localHostOrDomainIs', ['www', 'www.mozilla.org'], true],
  ['localHostOrDomainIs', ['www.google.com', 'www.mozilla.org'], false],
  ['localHostOrDomainIs', ['home.mozilla.org', 'www.mozilla.org'], false],
  ['localHostOrDomainIs', ['ww', 'www.mozilla.org'], false],
  ['isResolvable', ['inside.example'], true],
  ['isResolvable', ['nowhere.example'], false],
  ['isResolvable', ['new.example'], false],
  ['isResolvable', ['10.1.2.3'], true],
  ['isInNet', ['198.95.249.79', '198.95.249.79', '255.255.255.255'], true],
  ['isInNet', ['198.95.1.2', '198.95.0.0', '255.255.0.0'], true],
  ['isInNet', ['198.96.1.2', '198.95.0.0', '255.255.0.0'], false],
  ['isInNet', ['10.1.2.3', '10.99.2.99', '255.0.255.0'], true],
  ['isInNet', ['inside.example', '10.0.0.0', '255.0.0.0'], true],
  ['isInNet', ['inside.example', '11.0.0.0', '255.0.0.0'], false],
  ['isInNet', ['nowhere.example', '0.0.0.0', '0.0.0.0'], false],
  ['isInNet', ['10.1.2.3', '10.0.0.0', 'nonsense'], false],
  ['isInNet', ['2001:db8::1', '0.0.0.0', '0.0.0.0'], false],
  ['isInNet', [null, undefined, Number.NaN], false],
  ['dnsResolve', ['inside.example'], '10.1.2.3'],
  ['dnsResolve', ['192.0.2.7'], '192.0.2.7'],
  ['dnsResolve', ['nowhere.example'], null],
  ['dnsResolve', ['new.example'], null],
  ['convert_addr', ['104.16.41.2'], 1_745_889_538],
  ['convert_addr', ['10.0.0.1'], 167_772_161],
  // As the bit operations of browsers make it.
  ['convert_addr', ['192.168.0.1'], -1_062_731_775],
  ['convert_addr', ['255.255.255.255'], -1],
  ['convert_addr', ['nonsense'], 0],
  ['myIpAddress', [], '192.0.2.1'],
  ['dnsDomainLevels', ['www'], 0],
  ['dnsDomainLevels', ['mozilla.org'], 1],
  ['dnsDomainLevels', ['www.mozilla.org'], 2],
  ['shExpMatch', ['http://home.netscape.com/people/ari/index.html', '*/ari/*'], true],
  ['shExpMatch', ['http://home.netscape.com/people/montulli/index.html', '*/ari/*'], false],
  ['shExpMatch', ['host1.example', 'host?.example'], true],
  ['shExpMatch', ['hostxexample', 'host.example'], false],
  ['shExpMatch', ['b.example', '(a|b).example'], true],
  ['shExpMatch', ['', ''], true],
  ['alert', ['text'], undefined],
  ['isResolvableEx', ['new.example'], true],
  ['isResolvableEx', ['old.example'], true],
  ['isResolvableEx', ['nowhere.example'], false],
  ['isInNetEx', ['198.95.249.79', '198.95.249.79/32'], true],
  ['isInNetEx', ['198.95.1.2', '198.95.0.0/16'], true],
  ['isInNetEx', ['198.96.1.2', '198.95.0.0/16'], false],
  ['isInNetEx', ['3ffe:8311:ffff::1', '3ffe:8311:ffff::/48'], true],
  ['isInNetEx', ['3ffe:8311:fffe::1', '3ffe:8311:ffff::/48'], false],
  ['isInNetEx', ['inside.example', '2001:db8::/32'], true],
  ['isInNetEx', ['inside.example', '10.0.0.0/8'], true],
  ['isInNetEx', ['2001:db8::1; 10.1.2.3', '10.0.0.0/8'], true],
  ['isInNetEx', ['10.1.2.3', '::/0'], false],
  ['isInNetEx', ['::ffff:10.1.2.3', '10.0.0.0/8'], false],
  ['isInNetEx', ['10.1.2.3', '10.0.0.0'], false],
  ['isInNetEx', ['10.1.2.3', '10.0.0.0/33'], false],
  ['isInNetEx', ['10.1.2.3', '10.0.0.0/8/8'], false],
  ['isInNetEx', ['nowhere.example', '10.0.0.0/8'], false],
  ['dnsResolveEx', ['inside.example'], '2001:db8::7;10.1.2.3'],
  ['dnsResolveEx', ['nowhere.example'], ''],
  ['dnsResolveEx', ['2001:db8::1'], '2001:db8::1'],
  ['myIpAddressEx', [], '2001:db8::1;192.0.2.1'],
  [
    'sortIpAddressList',
    ['10.2.3.9;2001:4898:28:3:201:2ff:feea:fc14;::1;127.0.0.1;::9'],
    '::1;::9;2001:4898:28:3:201:2ff:feea:fc14;10.2.3.9;127.0.0.1',
  ],
  ['sortIpAddressList', ['10.0.0.10; 10.0.0.9 ;9.0.0.1'], '9.0.0.1;10.0.0.9;10.0.0.10'],
  ['sortIpAddressList', ['fe80::1%eth0;::ffff:10.0.0.1;::'], '::;::ffff:10.0.0.1;fe80::1%eth0'],
  ['sortIpAddressList', ['10.0.0.1;nonsense'], ''],
  ['sortIpAddressList', [''], ''],
  ['getClientVersion', [], '1.0'],
];

describe('functions of names and addresses', () => {
  it.each(TABLE)('%s(%j) is %j', (name, given, result) => {
    expect(call(name, given)).toBe(result);
  });

  it('PAC functions: all that Mozilla and Microsoft document exist and have a row here', () => {
    expect(new Set(TABLE.map(([name]) => name))).toEqual(new Set(Object.keys(functions)));
  });

  it('look up no address', () => {
    asked.length = 0;
    for (const name of ['dnsResolve', 'isResolvable', 'dnsResolveEx', 'isResolvableEx'] as const)
      call(name, ['192.0.2.7']);
    call('isInNet', ['10.1.2.3', '10.0.0.0', '255.0.0.0']);
    call('isInNetEx', ['::1;10.1.2.3', '10.0.0.0/8']);
    expect(asked).toEqual([]);
  });

  it('stop at an invalid pattern, as browsers do', () => {
    expect(() => call('shExpMatch', ['x', '('])).toThrow(/Invalid regular/);
  });

  it('return loopback if this host has no other address', () => {
    const alone = hostFunctions(
      () => [],
      () => [],
    );
    expect([alone.myIpAddress(), alone.myIpAddressEx()]).toEqual(['127.0.0.1', '']);
  });
});
