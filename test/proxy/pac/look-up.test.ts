import { describe, expect, it } from 'vitest';
import { lookUps, MAX_LOOK_UPS } from '#proxy/pac/look-up.ts';

describe('the look-ups of a PAC file', () => {
  it('PAC look-ups: a name resolves to its IPv4 address, and an unknown name to none', async () => {
    const { lookUp, withheld } = lookUps(true);

    expect(await lookUp('localhost', 'ipv4')).toEqual(['127.0.0.1']);
    expect(await lookUp('nowhere.invalid', 'any')).toEqual([]);
    expect(withheld.size).toBe(0);
  });

  it('PAC look-ups: if names are not resolved, the result is empty and the name is recorded', async () => {
    const { lookUp, withheld } = lookUps(false);

    expect(await lookUp('localhost', 'any')).toEqual([]);
    expect(await lookUp('localhost', 'any')).toEqual([]);
    expect([...withheld]).toEqual(['localhost']);
  });

  it('end within their deadline', async () => {
    const { lookUp, withheld } = lookUps(false);

    for (let at = 0; at < MAX_LOOK_UPS + 10; at += 1) await lookUp(`host${at}`, 'ipv4');

    expect(withheld.size).toBe(MAX_LOOK_UPS);
  });
});
