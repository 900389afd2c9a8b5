import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Contract, compareContracts, contractText, currentContract } from '#tools/contract.ts';

const text = readFileSync(new URL('contract.json', import.meta.url), 'utf8');
const recorded = JSON.parse(text) as Contract;
const now = await currentContract();

describe('the contract with users (test/docs/contract.json)', () => {
  it('contract: no code, key, command, option, exit status, JSON field or event is missing', () => {
    expect(compareContracts(recorded, now).missing, 'scripts and files of users rely on these').toEqual([]);
  });

  it('contract: everything new is recorded', () => {
    expect(compareContracts(recorded, now).added, 'to record these, run: npm run contract').toEqual([]);
    expect(contractText(recorded), 'to sort the file, run: npm run contract').toBe(text);
  });

  it.each(Object.keys(recorded))('contract: a removed line of %s is noticed', (group) => {
    const [first = '', ...others] = now[group] ?? [];

    expect(compareContracts(recorded, { ...now, [group]: others }).missing).toContain(`${group}: ${first}`);
  });

  it('contract: a renamed key is one missing line and one added line', () => {
    const before = { configurationKeys: ['a: type string', 'b: type string'] };
    const after = { configurationKeys: ['a: type string', 'c: type string'] };

    expect(compareContracts(before, after)).toEqual({
      missing: ['configurationKeys: b: type string'],
      added: ['configurationKeys: c: type string'],
    });
  });

  it.each([
    'failureCodes: AUTH-REJECTED: auth',
    'exitStatuses: auth: 12',
    'commands: sallyport proxy add --default',
    'configurationKeys: proxies[].port: type integer',
    'configurationKeys: updates.schedule: default "0 */6 * * *"',
    'configurationKeys: updates.on_published.command: set by root',
    'jsonFields: status: updates.waiting.scans (boolean)',
    'logEvents: response-via: field update_id',
  ])('contract: it holds %s', (line) => {
    const [group = '', ...rest] = line.split(': ');

    expect(now[group]).toContain(rest.join(': '));
  });
});
