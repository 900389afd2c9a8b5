import { describe, expect, it } from 'vitest';
import { lookUps, MOST_LOOK_UPS } from '#proxy/pac/look-up.ts';

describe('the look-ups of a PAC file', () => {
  it('find the IPv4 address of a name, and nothing for one that has none', async () => {
    const { lookUp, withheld } = lookUps(true);

    expect(await lookUp('localhost')).toBe('127.0.0.1');
    expect(await lookUp('nowhere.invalid')).toBeNull();
    expect(withheld.size).toBe(0);
  });

  it('find nothing where names are not resolved, and note what was asked for', async () => {
    const { lookUp, withheld } = lookUps(false);

    expect(await lookUp('localhost')).toBeNull();
    expect(await lookUp('localhost')).toBeNull();
    expect([...withheld]).toEqual(['localhost']);
  });

  it('come to an end', async () => {
    const { lookUp, withheld } = lookUps(false);

    for (let at = 0; at < MOST_LOOK_UPS + 10; at += 1) await lookUp(`host${at}`);

    expect(withheld.size).toBe(MOST_LOOK_UPS);
  });
});
