import { createEngine } from '@secretlint/node';
import { expect, it } from 'vitest';
import { plantedSecrets } from './planted-secrets.ts';
import { knowing, redactText } from './redacting.ts';

const EACH = 60;

it('planted secrets: another scanner finds many of them before redaction, and none after it', async () => {
  const engine = await createEngine({
    configFileJSON: { rules: [{ id: '@secretlint/secretlint-rule-preset-recommend' }] },
    color: false,
    formatter: 'json',
    maskSecrets: true,
  });
  const foundIn = async (content: string): Promise<unknown[]> => {
    const { output } = await engine.executeOnContent({ content, filePath: '/log/app.log' });
    return (JSON.parse(output) as { messages: unknown[] }[]).flatMap(({ messages }) => messages);
  };
  const text = plantedSecrets(EACH)
    .map((one) => one.text)
    .join('\n');

  expect((await foundIn(text)).length).toBeGreaterThan(EACH * 4);
  expect(await foundIn(await redactText(knowing(), text))).toEqual([]);
});
