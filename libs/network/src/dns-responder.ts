import { decode, encode } from 'dns-packet';
import type { DecodedPacket } from 'dns-packet';
import type { Random } from '../../base/src/index.js';
import { answerQuestion } from './dns-answers.js';
import type { DnsRecord } from './dns-answers.js';
import type { DnsNames } from './dns-names.js';
import type { Upstream } from './dns-upstream.js';

/** From a question's bytes to its answer's bytes; `undefined`: not worth an answer. */
export type Respond = (question: Buffer, from: string, transport: 'udp' | 'tcp') => Promise<Buffer | undefined>;

const responseCode = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3 } as const;
const authoritative = 1 << 10;
const truncated = 1 << 9;
const recursionAvailable = 1 << 7;
const recursionDesired = 1 << 8;
const datagramBytes = 512;
/** Of what a client may announce (EDNS) we use as much as surely fits the overlay's MTU. */
const maxDatagramBytes = 1232;
/** Questions on their way upstream; beyond it new ones fail at once instead of piling up. */
const maxForwarded = 1_000;

export function responder(names: () => DnsNames, upstream: Upstream | undefined, random: Random): Respond {
  let forwarded = 0;
  return async (question, from, transport) => {
    const packet = decodeQuestion(question);
    const asked = packet?.questions?.[0];
    if (!packet || !asked) return undefined;
    const answer = answerQuestion(names(), from, asked, random);
    if (answer.kind === 'records') return encodeAnswer(packet, answer.records, responseCode.ok, transport);
    if (answer.kind === 'no-such-name') return encodeAnswer(packet, [], responseCode.noSuchName, transport);
    if (!upstream || forwarded >= maxForwarded) return encodeAnswer(packet, [], responseCode.serverFailure, transport);
    forwarded++;
    try {
      return await upstream.ask(question, transport);
    } catch {
      return encodeAnswer(packet, [], responseCode.serverFailure, transport); // says all that a client can be told
    } finally {
      forwarded--;
    }
  };
}

function decodeQuestion(bytes: Buffer): DecodedPacket | undefined {
  try {
    const packet = decode(bytes);
    return packet.type === 'query' ? packet : undefined;
  } catch {
    return undefined; // not DNS: whoever sent it does not wait for an answer
  }
}

function encodeAnswer(question: DecodedPacket, records: DnsRecord[], code: number, transport: 'udp' | 'tcp'): Buffer {
  const limit = transport === 'tcp' ? 0xffff : datagramLimit(question);
  const desired = (question.flags ?? 0) & recursionDesired;
  for (let count = records.length; ; count = Math.floor(count * 0.75)) {
    const cut = count < records.length ? truncated : 0;
    const bytes = encode({
      type: 'response',
      id: question.id ?? 0,
      flags: authoritative | recursionAvailable | desired | cut | code,
      questions: question.questions ?? [],
      answers: records.slice(0, count),
    });
    if (bytes.length <= limit || count === 0) return bytes;
  }
}

function datagramLimit(question: DecodedPacket): number {
  const edns = question.additionals?.find((record) => record.type === 'OPT');
  const announced = edns && 'udpPayloadSize' in edns ? edns.udpPayloadSize : datagramBytes;
  return Math.min(Math.max(announced, datagramBytes), maxDatagramBytes);
}
