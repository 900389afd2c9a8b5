// Section `response_timeout`: how long each part of the way may be silent.

import { z } from 'zod';
import { describeKey, section, wholeNumber } from './key.ts';

/** The manual's range: a second to 2^31 - 1 ms, which is 24.8 days and the longest timer. */
const wholeMs = wholeNumber(1_000, 2_147_483_647);
const step = wholeNumber(100, 2_147_483_647);

export const responseTimeout = section(
  {
    mode: describeKey(z.enum(['fixed', 'adaptive']).default('adaptive'), {
      title: 'Mode',
      description:
        'How the response timeout is found. adaptive: learned for each proxy, origin and size from verified downloads, ' +
        'within min_ms, max_ms and total_max_ms. fixed: base_ms, always.',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    base_ms: describeKey(wholeMs.default(30_000), {
      title: 'Response timeout',
      description:
        'Bounds the wait for the first byte of a body and each later silence, never the whole transfer. In mode adaptive ' +
        'it is the least that a route without history starts with, which is 300000 ms and a second for each MB. A proxy that scans may hold a large package back until it has all of it; 300000 is generally sufficient.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    min_ms: describeKey(wholeMs.default(10_000), {
      title: 'Shortest timeout',
      description:
        'The least that mode adaptive allows for the first byte, a silence and the whole. It does not bound base_ms in mode fixed.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    max_ms: describeKey(wholeMs.default(7_200_000), {
      title: 'Longest timeout',
      description:
        'The most that mode adaptive allows for the first byte and for each silence. It does not bound base_ms in mode fixed.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    total_max_ms: describeKey(wholeMs.default(86_400_000), {
      title: 'Longest transfer',
      description:
        'The most that mode adaptive allows for a whole transfer. In mode fixed a whole transfer has no limit.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    connect_timeout_ms: describeKey(step.default(10_000), {
      title: 'Connect timeout',
      description: 'Bounds finding the address and connecting to the proxy, or to the target where none is used.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    tunnel_timeout_ms: describeKey(step.default(10_000), {
      title: 'Tunnel timeout',
      description: 'Bounds the wait for the answer of a proxy to CONNECT.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    tls_timeout_ms: describeKey(step.default(10_000), {
      title: 'TLS timeout',
      description: 'Bounds the TLS handshake with the target.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
  },
  'Response timeout',
  'How long each part of the way may be silent. A failure names the key that ended it.',
);
