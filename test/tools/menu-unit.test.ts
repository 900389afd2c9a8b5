import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const TEXT = readFileSync(new URL('../../systemd/sallyport-menu@.service', import.meta.url), 'utf8');

it('menu unit: it starts again after any number of quick ends, as by Ctrl-C', () => {
  const [, unit = '', service = ''] = TEXT.split(/^\[(?:Unit|Service)\]$/m);
  expect(service).toMatch(/^Restart=always$/m);
  // systemd ignores it in [Service].
  expect(unit).toMatch(/^StartLimitIntervalSec=0$/m);
});
