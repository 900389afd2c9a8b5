// All rules that are part of Sallyport, and the version of this set.

import { HEADER_RULES, JWK_RULE } from './headers.ts';
import { KEY_VALUE_RULE } from './key-values.ts';
import { PERSONAL_RULES } from './personal.ts';
import { PRIVATE_KEY_RULE } from './private-keys.ts';
import type { BundleRule } from './rule.ts';
import { TOKEN_RULES } from './tokens.ts';
import { URL_RULES } from './urls.ts';

/** In the order of the documentation. The order does not change what is masked. */
export const BUILT_IN_RULES: readonly BundleRule[] = [
  ...HEADER_RULES,
  ...URL_RULES,
  PRIVATE_KEY_RULE,
  JWK_RULE,
  KEY_VALUE_RULE,
  ...TOKEN_RULES,
  ...PERSONAL_RULES,
];
