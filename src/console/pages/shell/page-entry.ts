// A page of the console: where it is in the navigation, and what it shows. Types only.

import type { VNode } from 'preact';

export interface PageEntry {
  /** The first part of its address, such as `log` for `#/log`. */
  readonly id: string;
  readonly title: string;
  readonly group: 'service' | 'settings';
  /** `rest` has the other parts of the address. */
  show(rest: readonly string[]): VNode;
}
