// A disk on which another process interferes: right before or after one operation that a test chooses.

import type { Files } from '#system/files.ts';

type Act = (...given: never[]) => unknown;

/** Calls `meddle` with the name and the arguments of each operation, before it is done (`before`) and after. `self` is who we are. */
export function withInterference(
  files: Files,
  interfere: (moment: 'before' | 'after', operation: keyof Files, given: readonly unknown[]) => void,
  self?: number,
): Files {
  return new Proxy(files, {
    get(target, name: keyof Files) {
      const found = target[name] as unknown;
      if (name === 'self') return self ?? found;
      if (typeof found !== 'function') return found;
      return async (...given: never[]) => {
        interfere('before', name, given);
        const result: unknown = await (found as Act).apply(target, given);
        interfere('after', name, given);
        return result;
      };
    },
  });
}
