import { describe, expect, it } from 'vitest';
import {
  isInNetwork,
  isInternalAddress,
  isLoopbackAddress,
  isPrivateAddress,
  type Network,
  readNetwork,
} from '#system/network/addresses.ts';

/** The narrowest of the three lists that contains the address. */
function placeOf(address: string): string {
  if (isLoopbackAddress(address)) return 'loopback';
  if (isPrivateAddress(address)) return 'private';
  return isInternalAddress(address) ? 'special' : 'public';
}

describe('addresses', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.255', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['10.0.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['169.254.169.254', 'private'],
    ['fd00::1', 'private'],
    ['fe80::1', 'private'],
    ['0.0.0.0', 'special'],
    ['168.63.129.16', 'special'],
    ['255.255.255.255', 'special'],
    ['2001:0:1::', 'special'],
    ['fec0::1', 'special'],
    ['ff02::1', 'special'],
    ['126.255.255.255', 'public'],
    ['128.0.0.0', 'public'],
    ['172.32.0.0', 'public'],
    ['168.63.129.17', 'public'],
    ['2001:db8::1', 'public'],
    ['::2', 'public'],
  ])('addresses: %s is %s', (address, place) => {
    expect(placeOf(address)).toBe(place);
  });

  it.each(['', 'localhost', '127.1', '127.0.0.1:80', '[::1]', '0x7f.0.0.1'])(
    'addresses: %j is not an address and in no network',
    (text) => {
      expect(placeOf(text)).toBe('public');
    },
  );

  it.each([
    ['10.0.0.0/8', { address: '10.0.0.0', prefix: 8, family: 'ipv4' }],
    ['2001:DB8::/32', { address: '2001:DB8::', prefix: 32, family: 'ipv6' }],
    ['10.0.0.0/33', null],
    ['::/129', null],
    ['10.0.0.0', null],
    ['10/8', null],
    ['example.com/8', null],
    ['fe80::%eth0/10', null],
  ])('addresses: %s is read as a network or refused', (text, network) => {
    expect(readNetwork(text)).toEqual(network);
  });

  it('addresses: a network holds addresses of its own family only', () => {
    const v4 = readNetwork('10.0.0.0/8') as Network;
    const mapped = readNetwork('::ffff:10.0.0.0/104') as Network;

    expect(isInNetwork('10.255.0.1', v4)).toBe(true);
    expect(isInNetwork('11.0.0.0', v4)).toBe(false);
    expect(isInNetwork('::ffff:10.0.0.1', v4)).toBe(false);
    expect(isInNetwork('10.0.0.1', mapped)).toBe(false);
  });
});
