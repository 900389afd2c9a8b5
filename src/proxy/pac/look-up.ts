// The names that a PAC file wants the addresses of: looked up here, or only noted down where that is not allowed.
//
// Guarantees: never more than a number of names for one question; where names are not resolved, no query leaves this host.

import { lookup } from 'node:dns';

export interface LookUps {
  /** The IPv4 address of a name; null without one. */
  lookUp(name: string): Promise<string | null>;
  /** Names that were asked for and not looked up. */
  readonly withheld: ReadonlySet<string>;
}

/** So many names are looked up for one question. */
export const MOST_LOOK_UPS = 64;

/** Look-ups for one question. */
export function lookUps(allowed: boolean): LookUps {
  const withheld = new Set<string>();
  let left = MOST_LOOK_UPS;
  return {
    withheld,
    lookUp(name) {
      left -= 1;
      if (left < 0) return Promise.resolve(null);
      if (!allowed) {
        withheld.add(name);
        return Promise.resolve(null);
      }
      return new Promise((resolve) => {
        lookup(name, { family: 4 }, (error, address) => resolve(error === null ? address : null));
      });
    },
  };
}
