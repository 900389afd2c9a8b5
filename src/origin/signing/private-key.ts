// The private half of a key: an Ed25519 key in PKCS#8. A passphrase encrypts it in the format of age
// (age-encryption.org/v1), so `age -d NAME.key` prints the PEM.
//
// age derives its key with scrypt. The encrypted PKCS#8 of Node would use 2,048 rounds of PBKDF2, with which a
// passphrase is easy to guess.

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** log2 of the work of scrypt, as `age` uses it: about a second and 256 MB for each guess. */
export const SCRYPT_WORK = 18;

/** A new Ed25519 key. `sealed` is the content of its file. */
export async function makePrivateKey(
  passphrase: string,
  scryptWork: number,
): Promise<{ readonly sealed: string; readonly publicKey: KeyObject }> {
  const { armor, Encrypter } = await import('age-encryption');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(scryptWork);
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { sealed: armor.encode(await encrypter.encrypt(pem)), publicKey };
}

/** Opens the file of a key. `wrong-passphrase` if none of the passphrases fits. */
export async function openPrivateKey(
  sealed: string,
  passphrases: readonly string[],
): Promise<KeyObject | 'wrong-passphrase' | 'damaged'> {
  const { armor, Decrypter } = await import('age-encryption');
  let bytes: Uint8Array;
  try {
    bytes = armor.decode(sealed);
  } catch {
    return 'damaged';
  }
  for (const passphrase of passphrases) {
    const decrypter = new Decrypter();
    decrypter.addPassphrase(passphrase);
    const pem = await decrypter.decrypt(bytes, 'text').catch(() => null);
    if (pem === null) continue;
    try {
      return createPrivateKey(pem);
    } catch {
      return 'damaged';
    }
  }
  return 'wrong-passphrase';
}
