import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '#errors/catalogue.ts';
import { EXIT_OK, EXIT_STATUS, EXIT_USAGE } from '#errors/exit-status.ts';

describe('exit statuses', () => {
  const all = [EXIT_OK, EXIT_USAGE, ...Object.values(EXIT_STATUS)];

  it('exit statuses: no two classes share one', () => {
    expect(new Set(all).size).toBe(all.length);
  });

  it('exit statuses: none is used by the shell, by signals or by Node', () => {
    // 1 to 13 may be Node's own, but only 1 to 9 come from a script that runs; 126 and up are the shell's.
    expect(all.filter((status) => status !== 0 && (status < 10 || status > 125))).toEqual([]);
  });

  it('exit statuses: the class of every code has one', () => {
    for (const { class: failure } of Object.values(CATALOGUE)) expect(EXIT_STATUS[failure]).toBeGreaterThan(0);
  });

  it('exit statuses: they never change', () => {
    expect({ EXIT_OK, EXIT_USAGE, ...EXIT_STATUS }).toEqual({
      EXIT_OK: 0,
      EXIT_USAGE: 64,
      internal: 70,
      config: 78,
      dns: 10,
      tcp: 11,
      auth: 12,
      policy: 13,
      tls: 14,
      ws: 15,
      timeout: 16,
      content: 17,
      http: 18,
      system: 19,
      license: 20,
    });
  });
});
