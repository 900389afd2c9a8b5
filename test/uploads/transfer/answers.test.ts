import { describe, expect, it } from 'vitest';
import { type AnswerContext, type AnswerFacts, type UploadStep, verdictOf } from '#uploads/transfer/answers.ts';

const NEW_PATH: AnswerContext = { method: 'patch', passed: false, passedRecently: false };
const PROVEN: AnswerContext = { method: 'patch', passed: true, passedRecently: true };
const USED_YESTERDAY: AnswerContext = { method: 'patch', passed: false, passedRecently: true };
const OVERRIDE: AnswerContext = { method: 'override', passed: false, passedRecently: false };
const STEPS: readonly UploadStep[] = ['create', 'offset', 'chunk', 'complete', 'put'];

const answer = (status: number, over: Partial<AnswerFacts> = {}): AnswerFacts => ({
  status,
  isTus: false,
  block: null,
  isAboutJob: false,
  ...over,
});

describe('the verdict on a response', () => {
  it.each(STEPS)('to %s with a success is to continue', (step) => {
    expect(verdictOf(step, answer(200), NEW_PATH)).toBe('accept');
  });

  it.each(STEPS)('to %s with the mark of a scanner is that it is blocked', (step) => {
    for (const status of [200, 403, 503]) {
      expect(verdictOf(step, answer(status, { block: 'marked' }), NEW_PATH)).toBe('blocked');
    }
  });

  it.each([
    ['create', 'blocked'],
    ['complete', 'blocked'],
    ['put', 'blocked'],
    ['offset', 'wait'],
  ] as const)('to %s with a page is %s', (step, verdict) => {
    for (const status of [200, 403, 503]) {
      expect(verdictOf(step, answer(status, { block: 'page' }), NEW_PATH)).toBe(verdict);
    }
  });

  it('to a page is another method for the first PATCH only', () => {
    const page = answer(200, { block: 'page' });
    expect(verdictOf('chunk', page, NEW_PATH)).toBe('other-method');
    for (const context of [PROVEN, USED_YESTERDAY, OVERRIDE]) expect(verdictOf('chunk', page, context)).toBe('blocked');
  });

  it.each([403, 405, 501])('to a chunk with %i is another method, unless one has passed', (status) => {
    expect(verdictOf('chunk', answer(status), NEW_PATH)).toBe('other-method');
    expect(verdictOf('chunk', answer(status), USED_YESTERDAY)).toBe('other-method');
    expect(verdictOf('chunk', answer(status), OVERRIDE)).toBe('other-method');
    expect(verdictOf('chunk', answer(status), PROVEN)).toBe('wait');
  });

  it.each([404, 410])('of the tus server with %i is that the upload is gone', (status) => {
    expect(verdictOf('offset', answer(status, { isTus: true }), PROVEN)).toBe('gone');
    expect(verdictOf('offset', answer(status), PROVEN)).toBe('wait');
    expect(verdictOf('chunk', answer(status, { isTus: true }), PROVEN)).toBe('offset');
    expect(verdictOf('chunk', answer(status, { isTus: true }), OVERRIDE)).toBe('other-method');
    for (const step of ['create', 'complete', 'put'] as const) {
      expect(verdictOf(step, answer(status, { isTus: true }), PROVEN)).toBe('wait');
    }
  });

  it('never leads to a second upload for any other status', () => {
    const isRenewal = (verdict: string) => verdict === 'gone' || verdict === 'other-bytes';
    for (const step of STEPS) {
      for (let status = 200; status <= 599; status += 1) {
        const [ofProxy, ofTus] = [answer(status), answer(status, { isTus: true })];
        expect(isRenewal(verdictOf(step, ofProxy, NEW_PATH)), `${step} ${status}`).toBe(false);
        const expected = (status === 404 || status === 410) && step === 'offset';
        expect(isRenewal(verdictOf(step, ofTus, NEW_PATH)), `${step} ${status} of tus`).toBe(expected);
      }
    }
  });

  it.each([
    ['chunk', 409, 'offset'],
    ['chunk', 460, 'offset'],
    ['chunk', 413, 'smaller'],
    ['chunk', 423, 'wait'],
    ['chunk', 507, 'wait'],
    ['chunk', 429, 'wait'],
    ['complete', 409, 'offset'],
    ['complete', 422, 'wait'],
    ['create', 413, 'wait'],
    ['put', 413, 'wait'],
  ] as const)('to %s with %i is %s', (step, status, verdict) => {
    expect(verdictOf(step, answer(status), PROVEN)).toBe(verdict);
  });

  it.each(['complete', 'put'] as const)('to %s with a 422 about our job is that the bytes differ', (step) => {
    expect(verdictOf(step, answer(422, { isAboutJob: true }), PROVEN)).toBe('other-bytes');
  });
});
