import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Refused } from '../../base/src/index.js';
import type { NodeRole } from '../../model/src/index.js';

/**
 * A join token: `SHOALTKN-1-<sha256 of the cluster CA, hex>-<secret, base36>`. The digest lets a joining node
 * recognise the right CA before it trusts anybody; the secret says which role it may take.
 */

const prefix = 'SHOALTKN-1-';

export interface JoinToken {
  caDigest: string;
  secret: string;
}

export function createJoinToken(caDigest: string): string {
  const secret = BigInt('0x' + randomBytes(16).toString('hex')).toString(36).padStart(25, '0');
  return `${prefix}${caDigest}-${secret}`;
}

export function parseJoinToken(text: string): JoinToken {
  const match = /^SHOALTKN-1-([0-9a-f]{64})-([0-9a-z]{20,30})$/.exec(text.trim());
  if (!match) {
    throw new Refused('invalid', `invalid join token: it has the form ${prefix}<digest>-<secret>; show it on a manager with: shoal join-token worker`);
  }
  return { caDigest: match[1]!, secret: match[2]! };
}

/** The role that a token grants; `undefined` when it is none of the cluster's. */
export function roleOfToken(token: string, tokens: Record<NodeRole, string>): NodeRole | undefined {
  const given = Buffer.from(token);
  return (['worker', 'manager'] as const).find((role) => {
    const wanted = Buffer.from(tokens[role]);
    return wanted.length === given.length && timingSafeEqual(wanted, given);
  });
}
