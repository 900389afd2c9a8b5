// A value as the text of a configuration file. Every text is in quotes, because a secret must be.

import { stringify } from 'yaml';

export function yamlOf(value: object): string {
  return stringify(value, { defaultStringType: 'QUOTE_SINGLE', defaultKeyType: 'PLAIN' });
}
