import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentMessage, readPlatformMessage, readPlatformText } from '#platform/messages.ts';

const command = (rest: object) => ({ v: 1, type: 'command', id: 'c1', seq: 1, ...rest });
const read = (rest: object) => {
  const result = readPlatformMessage(command(rest));
  return result.kind === 'message' && result.message.type === 'command' ? result.message.command : result;
};

describe('messages of the platform', () => {
  it.each([
    ['update-available', {}, { command: 'update-available' }],
    ['send-logs', { case: 'C-1' }, { command: 'send-logs', case: 'C-1' }],
    ['send-logs', {}, { command: 'send-logs', case: null }],
    ['activation-changed', {}, { command: 'activation-changed' }],
    ['advice', { from: 'Ann', text: 'sallyport check' }, { command: 'advice', from: 'Ann', text: 'sallyport check' }],
  ])('messages: command %s is read without unknown keys', (name, content, expected) => {
    expect(read({ command: name, ...content, path: '/etc/passwd', url: 'https://a.example.com/' })).toEqual(expected);
  });

  it.each([
    ['an unknown command', { command: 'reboot' }, 'reboot'],
    ['a case with a control character', { command: 'send-logs', case: 'a\nb' }, 'send-logs'],
    ['advice without a sender', { command: 'advice', text: 'x' }, 'advice'],
    ['advice that is too long', { command: 'advice', from: 'a', text: 'x'.repeat(1_025) }, 'advice'],
    ['advice with an escape sequence', { command: 'advice', from: 'a', text: '\u001b[2J' }, 'advice'],
  ])('messages: %s keeps its id and number, so that it can be answered', (_what, content, name) => {
    expect(readPlatformMessage(command(content))).toEqual({
      kind: 'message',
      message: { type: 'command', id: 'c1', seq: 1, command: { command: 'unusable', name } },
    });
  });

  it.each([
    [{ v: 1, type: 'weather', id: 'a' }, 'type'],
    [{ v: 2, type: 'command', id: 'a', seq: 0 }, 'version'],
  ])('messages: another type or version is ignored: %j', (raw, why) => {
    expect(readPlatformMessage(raw)).toMatchObject({ kind: 'ignored', why });
  });

  it.each([
    [null],
    [[]],
    [{ type: 'welcome' }],
    [command({ id: 'with space', command: 'update-available' })],
    [command({ seq: 0, command: 'update-available' })],
    [command({ seq: 1.5, command: 'update-available' })],
    [{ v: 1, type: 'welcome', id: 'a', activation: 'activated', seq: -1 }],
  ])('messages: an invalid envelope is an error of the protocol: %j', (raw) => {
    expect(readPlatformMessage(raw)).toMatchObject({ kind: 'invalid' });
  });

  it('messages: a delay is limited to an hour', () => {
    expect(readPlatformMessage({ v: 1, type: 'delay', id: 'a', seconds: 1e9 })).toMatchObject({
      message: { type: 'delay', seconds: 3_600 },
    });
  });

  it('messages: no input makes reading throw', () => {
    const looksReal = fc.record({
      v: fc.constantFrom<unknown>(1, 1, 1, 2, '1'),
      type: fc.constantFrom<unknown>('command', 'welcome', 'result-ack', 'delay', 'x', 7),
      id: fc.anything(),
      seq: fc.anything(),
      command: fc.anything(),
      seconds: fc.anything(),
    });
    fc.assert(
      fc.property(fc.oneof(fc.anything(), looksReal), (raw) => {
        expect(['message', 'ignored', 'invalid']).toContain(readPlatformMessage(raw).kind);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(['message', 'ignored', 'invalid']).toContain(readPlatformText(text).kind);
      }),
    );
  });

  it('messages: a message to the platform has a version and an id', () => {
    expect(agentMessage({ type: 'ack', after: 7 }, 'm1')).toEqual({ v: 1, id: 'm1', type: 'ack', after: 7 });
  });
});
