// Looks up the names that a PAC file asks for. If look-ups are not allowed, it only records the names.
//
// Guarantees: an evaluation can look up only a limited number of names. If look-ups are not allowed, no query leaves
// this host.

import { lookup } from 'node:dns';
import { type Family, MAX_ADDRESSES } from './question.ts';

export interface LookUps {
  /** The addresses of a name, IPv6 before IPv4 as Microsoft's functions list them; none where it has none. */
  lookUp(name: string, family: Family): Promise<readonly string[]>;
  /** Requested names that were not looked up. */
  readonly withheld: ReadonlySet<string>;
}

/** Maximum number of names that are looked up for one evaluation. */
export const MAX_LOOK_UPS = 64;

/** Look-ups for one evaluation. */
export function lookUps(allowed: boolean): LookUps {
  const withheld = new Set<string>();
  let left = MAX_LOOK_UPS;
  return {
    withheld,
    lookUp(name, family) {
      left -= 1;
      if (left < 0) return Promise.resolve([]);
      if (!allowed) {
        withheld.add(name);
        return Promise.resolve([]);
      }
      return new Promise((resolve) => {
        const options = { all: true, family: family === 'ipv4' ? 4 : 0, order: 'ipv6first' } as const;
        lookup(name, options, (error, found) => {
          resolve(error === null ? found.slice(0, MAX_ADDRESSES).map(({ address }) => address) : []);
        });
      });
    },
  };
}
