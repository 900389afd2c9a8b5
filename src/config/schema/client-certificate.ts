// The client certificate that is presented to a server or a proxy that requires one.

import { z } from 'zod';
import { describeKey } from './key.ts';
import { filePath, PATH_ALLOWED, SECRET_ALLOWED, secretSource } from './leaves.ts';

export const clientCertificate = z.strictObject({
  certificate_file: describeKey(filePath, {
    title: 'Certificate file',
    description: 'PEM file with the client certificate, followed by its intermediate certificates, if any.',
    allowed: PATH_ALLOWED,
    example: 'client.pem',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  key_file: describeKey(filePath, {
    title: 'Key file',
    description: 'PEM file with the private key of the client certificate.',
    allowed: PATH_ALLOWED,
    example: 'client.key',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  passphrase: describeKey(secretSource.optional(), {
    title: 'Passphrase',
    description: 'The passphrase that decrypts the private key.',
    secret: true,
    allowed: SECRET_ALLOWED,
    absent: 'the key is not encrypted',
    example: { file: 'secrets/client-key-passphrase' },
    effect: 'next_transfer',
    setBy: 'root',
  }),
});
