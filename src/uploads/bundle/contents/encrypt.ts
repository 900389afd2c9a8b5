// Encrypts an archive to age recipients (age-encryption.org/v1), as a stream.

import { setImmediate as yieldToLoop } from 'node:timers/promises';

/** Each chunk of the source is valid until the next one is requested. @throws Error for a recipient that is none */
export async function* encrypted(
  chunks: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
): AsyncGenerator<Uint8Array> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const copies = async function* () {
    for await (const chunk of chunks) {
      yield Uint8Array.from(chunk);
      // The encryption is JavaScript and never waits by itself.
      await yieldToLoop();
    }
  };
  yield* await encrypter.encrypt(ReadableStream.from(copies()));
}
