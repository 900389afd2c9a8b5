import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeDifferences, onlyInShell, proxyVariables } from '#diagnose/shell.ts';

describe('proxy variables', () => {
  it('are reported in either case, without user and password, unless blank', () => {
    const environment = {
      https_proxy: 'http://svc:secret@proxy.example.com:3128/',
      HTTP_PROXY: 'proxy.example.com:80',
      ALL_PROXY: '',
      no_proxy: 'localhost,.example.com',
      PATH: '/bin',
    };
    expect(proxyVariables(environment)).toEqual({
      HTTPS_PROXY: 'http://proxy.example.com:3128',
      HTTP_PROXY: 'http://proxy.example.com',
      NO_PROXY: 'localhost,.example.com',
    });
  });

  it('never show a password, whatever their value', () => {
    const odd = fc.tuple(fc.string(), fc.constantFrom('', '@', '@host', '@host:80', ':99999', '/x'));
    fc.assert(
      fc.property(odd, ([before, behind]) => {
        const told = proxyVariables({ HTTPS_PROXY: `http://svc:S3cretOne${before}${behind}` });
        expect(JSON.stringify(told)).not.toContain('S3cretOne'.slice(1));
      }),
    );
  });
});

describe('a different proxy variable', () => {
  it('is reported by name, whichever side has it', () => {
    const service = { HTTP_PROXY: 'http://a:1', NO_PROXY: 'x' };
    const shell = { HTTPS_PROXY: 'http://b:2', NO_PROXY: 'y' };
    expect(describeDifferences(service, shell)).toEqual([
      'The environment of the service has no HTTPS_PROXY; your shell has http://b:2.',
      'The environment of the service has HTTP_PROXY http://a:1; your shell has none.',
      'The environment of the service has NO_PROXY x; your shell has y.',
    ]);
    expect(onlyInShell(service, shell)).toEqual(['HTTPS_PROXY']);
  });

  it('is not reported if both are the same', () => {
    expect(describeDifferences({ HTTPS_PROXY: 'http://b:2' }, { HTTPS_PROXY: 'http://b:2' })).toEqual([]);
  });
});
