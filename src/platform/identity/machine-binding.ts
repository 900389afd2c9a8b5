// Binds an identity to the machine on which it was made. It stores a salted hash of the machine ID, not the ID itself.
// Pure, except that a new salt is random.

import { createHmac, randomBytes } from 'node:crypto';

export const MACHINE_ID_PATH = '/etc/machine-id';
/** machine-id(5): 32 hexadecimal digits. A system that has not started yet has an empty file, or `uninitialized`. */
const MACHINE_ID = /^[0-9a-f]{32}$/;
/** machine-id(5) asks applications to hash the id with a key of their own. */
const APPLICATION = 'sallyport-identity';
const SALT_BYTES = 16;

export interface MachineBinding {
  /** Random, in hex. */
  readonly salt: string;
  /** HMAC-SHA256 with the salt as its key, in hex. */
  readonly digest: string;
}

/** The id in the text of the file; null if the machine has none. */
export function readMachineId(text: string): string | null {
  const id = text.trim().toLowerCase();
  return MACHINE_ID.test(id) ? id : null;
}

/** Binds to a machine; null if the machine has no id. */
export function bindTo(machineId: string | null): MachineBinding | null {
  if (machineId === null) return null;
  const salt = randomBytes(SALT_BYTES).toString('hex');
  return { salt, digest: digestOf(salt, machineId) };
}

/** Whether the binding is to another machine. Without a binding or an id, that is not known. */
export function isOtherMachine(binding: MachineBinding | null, machineId: string | null): boolean {
  if (binding === null || machineId === null) return false;
  return binding.digest !== digestOf(binding.salt, machineId);
}

function digestOf(salt: string, machineId: string): string {
  return createHmac('sha256', Buffer.from(salt, 'hex')).update(`${APPLICATION} ${machineId}`).digest('hex');
}
