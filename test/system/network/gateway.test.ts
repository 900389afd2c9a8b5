import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGateways } from '#system/network/gateway.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';

const V4 = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t00000000\t0101A8C0\t0003\t0\t0\t50\t00000000\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t60\t00000000\t0\t0\t0
tun1\t00000000\t0202A8C0\t0003\t0\t0\t60\t00000080\t0\t0\t0
`;
const V6 = `fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`;

describe('the default gateways', () => {
  it('gateway: default routes name the gateways, in the usual notation', () => {
    expect(parseGateways({ v4: V4, v6: V6 })).toEqual(['192.0.2.1', '192.168.1.1', 'fd00::1']);
  });

  it('gateway: without a default route there are none', () => {
    expect(parseGateways({ v4: '', v6: '' })).toEqual([]);
  });

  it('gateway: text that is not a route table names none', () => {
    fc.assert(
      fc.property(fc.string({ unit: ANY_CHARACTER }), (text) => {
        expect(parseGateways({ v4: text, v6: text })).toEqual([]);
      }),
    );
  });
});
