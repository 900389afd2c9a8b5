import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idProblem, readFeed, readMeta } from '#origin/feed-format.ts';

describe('feed format: an id', () => {
  it.each(['1602503', 'a', 'A.b-c_d', '0', 'x'.repeat(64), 'jar', 'journal'])('may be %s', (id) => {
    expect(idProblem(id)).toBeNull();
  });

  it.each(['', '.a', '-a', '_a', 'a b', 'a/b', '../../etc/x', 'ä', 'x'.repeat(65), 'a\n', 7, null])(
    'may not be %s',
    (id) => {
      expect(idProblem(id)).toContain('must begin');
    },
  );

  it.each(['a.jar', 'a.JAR', 'a.json', 'a.new', 'a.unverified', 'a.journal', 'a.receipt', 'a.damaged'])(
    'may not end like %s',
    (id) => {
      expect(idProblem(id)).toContain('must not end');
    },
  );
});

describe('feed format: an id with two dots in a row', () => {
  it('is refused, whatever surrounds them', () => {
    expect(idProblem('1..2')).toContain('two dots');
  });
});

describe('feed format: a side file', () => {
  it.each([
    ['[]', 'is not a JSON object'],
    ['{', 'is not a JSON object'],
    ['{"sha256":"x"}', 'unknown field sha256'],
    ['{"__proto__":1}', 'unknown field __proto__'],
    ['{"toString":1}', 'unknown field toString'],
    ['{"kind":"other"}', 'kind that is not content or product'],
    ['{"sequence":-1}', 'sequence'],
    ['{"sequence":1e300}', 'sequence'],
    ['{"rollout_percent":101}', 'rollout_percent'],
    ['{"released":"yesterday"}', 'released'],
    ['{"released":"2026-13-01T00:00:00Z"}', 'released'],
    ['{"released":"2026-02-30T00:00:00Z"}', 'released'],
    ['{"requires":["a","a"]}', 'requires'],
    ['{"requires":["../x"]}', 'requires'],
    ['{"withdrawn":"yes"}', 'withdrawn'],
    ['{"min_agent":"1"}', 'min_agent'],
    ['{"channel":"a b"}', 'channel'],
    [`{"notes":"${'x'.repeat(2_001)}"}`, 'notes'],
  ])('%s is refused by name', (text, problem) => {
    expect(readMeta(text)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

describe('feed format: the previous feed', () => {
  it.each([
    ['x', 'is not a JSON object'],
    ['{"format":2}', 'has format 2'],
    ['{"format":1,"serial":1.5}', 'serial'],
    ['{"format":1,"serial":1,"expires":"x"}', 'expires'],
    ['{"format":1,"serial":1,"expires":"2026-12-20T00:00:00Z"}', 'no list of items'],
    ['{"format":1,"serial":1,"expires":"2026-12-20T00:00:00Z","items":[{}]}', 'items[0] has no id'],
    ['{"format":1,"serial":1,"expires":"2026-12-20T00:00:00Z","items":[7]}', 'items[0] is not an object'],
  ])('%s is refused', (text, problem) => {
    expect(readFeed(text)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('never makes the reader throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect([readFeed(text), readMeta(text)]).toHaveLength(2);
      }),
    );
  });
});
