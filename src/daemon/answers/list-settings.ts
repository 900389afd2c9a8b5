// Lists the active settings: every key with its value, the source of the value, and who may set it. Users of the `look`
// socket may read this list, so secrets are masked, even inside another value.

import { explainSettings } from '#config/reading/show.ts';
import type { SettingsList } from '#control/settings.ts';
import type { Parts } from '#daemon/parts.ts';
import { redactDeep } from '#redaction/redact.ts';
import { utcTime } from '#system/moment.ts';

export function listSettings({ config, redactor }: Pick<Parts, 'config' | 'redactor'>): SettingsList {
  const keys = explainSettings(config.loaded).map(({ value, setBy, ...row }) => ({
    ...row,
    value: typeof value === 'object' && value !== null ? [...value] : value,
    set_by: setBy,
  }));
  return redactDeep({ file: config.loaded.file, since: utcTime(config.loadedAtMs), keys }, redactor);
}
