// If some keys of a file are invalid, selects the valid ones, which the rules between keys then check. Also has the
// functions with which these rules report errors. Pure.

import type { Finding, KeyPath } from '#config/problem.ts';
import type { FileSettings } from '#config/schema/settings.ts';

type DeepPartial<T> = T extends readonly (infer Element)[]
  ? (DeepPartial<Element> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> | undefined }
    : T;

/** The valid part of the settings. Invalid parts are absent. */
export type Salvaged = DeepPartial<FileSettings>;

export function error(path: KeyPath, message: string, found = ''): Finding {
  return { path, severity: 'error', at: 'value', found, allowed: '', message };
}

export function warning(path: KeyPath, message: string, found = ''): Finding {
  return { ...error(path, message, found), severity: 'warning' };
}
