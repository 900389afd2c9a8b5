// Every failure code of the program, collected from the catalogues of the modules. Logs and scripts rely on the codes,
// so a code never changes. `docs/failure-codes.md` has a row for each; a test compares the two.

import { CONFIG_CODES } from './catalogue-config.ts';
import { DIAGNOSE_CODES } from './catalogue-diagnose.ts';
import { FEED_CODES } from './catalogue-feed.ts';
import { HTTP_CODES } from './catalogue-http.ts';
import { ORIGIN_CODES } from './catalogue-origin.ts';
import { PACKAGE_CODES } from './catalogue-packages.ts';
import { PLATFORM_CODES } from './catalogue-platform.ts';
import { PROXY_CODES } from './catalogue-proxy.ts';
import { SPOOL_CODES } from './catalogue-spool.ts';
import { SYSTEM_CODES } from './catalogue-system.ts';
import { TLS_CODES } from './catalogue-tls.ts';
import { TRUST_CODES } from './catalogue-trust.ts';
import { UPLOAD_CODES } from './catalogue-uploads.ts';
import type { Entry } from './entry.ts';

export const CATALOGUE = {
  ...SYSTEM_CODES,
  ...CONFIG_CODES,
  ...PROXY_CODES,
  ...TLS_CODES,
  ...HTTP_CODES,
  ...FEED_CODES,
  ...TRUST_CODES,
  ...PACKAGE_CODES,
  ...SPOOL_CODES,
  ...UPLOAD_CODES,
  ...PLATFORM_CODES,
  ...ORIGIN_CODES,
  ...DIAGNOSE_CODES,
} as const satisfies Record<string, Entry>;

/** A stable failure code, such as `TCP-REFUSED`. */
export type Code = keyof typeof CATALOGUE;

/** The first part of a code, or its first two: `TLS` of `TLS-NAME`, `PROXY` and `PROXY-TLS` of `PROXY-TLS-NAME`. */
type GroupOf<C extends Code> = C extends `${infer First}-${infer Rest}`
  ? First | (Rest extends `${infer Second}-${string}` ? `${First}-${Second}` : never)
  : never;

/** Whether the code begins with one of these groups. */
export function isOfGroup(code: Code, ...groups: readonly GroupOf<Code>[]): boolean {
  return groups.some((group) => code.startsWith(`${group}-`));
}
