// Section `response_timeout`: how long each part of the way may be silent.

import { z } from 'zod';
import { describeKey, section, wholeNumber } from './key.ts';

/** The manual's range: a second to 2^31 - 1 ms, which is 24.8 days and the longest timer. */
const patience = wholeNumber(1_000, 2_147_483_647);
const step = wholeNumber(100, 2_147_483_647);

export const responseTimeout = section(
  {
    mode: describeKey(z.enum(['fixed']).default('fixed'), {
      title: 'Mode',
      description: 'How the response timeout is found. fixed: base_ms, always.',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    base_ms: describeKey(patience.default(30_000), {
      title: 'Response timeout',
      description:
        'Bounds the wait for the first byte of a body and each later silence, never the whole transfer. ' +
        'A proxy that scans may hold a large package back until it has all of it; 300000 is generally sufficient.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    min_ms: describeKey(patience.default(10_000), {
      title: 'Shortest timeout',
      description: 'Bounds what an adaptive mode may choose. It does not bound base_ms.',
      unit: 'ms',
      effect: 'next_transfer',
      setBy: 'operator',
    }),
    max_ms: describeKey(patience.default(7_200_000), {
      title: 'Longest timeout',
      description: 'Bounds what an adaptive mode may choose. It does not bound base_ms.',
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
