import type { Random } from '../../base/src/index.js';
import { answerQuestion } from './dns-answers.js';
import type { DnsNames } from './dns-names.js';
import type { Upstream } from './dns-upstream.js';
import { internetClass, readQuestion, recordType, responseCode, writeAnswer, writeFailure } from './dns-wire.js';
import type { DnsQuestion } from './dns-wire.js';

/** From a question's bytes to its answer's bytes, at once where the cluster knows; `undefined`: not worth an answer. Never throws. */
export type Respond = (question: Buffer, from: string, transport: 'udp' | 'tcp') => Buffer | undefined | Promise<Buffer>;

const datagramBytes = 512;
/** Of what a client may announce (EDNS) we use as much as surely fits the overlay's MTU. */
const maxDatagramBytes = 1232;
const maxStreamBytes = 0xffff;
/** Questions on their way upstream; beyond it new ones fail at once instead of piling up. */
const maxForwarded = 1_000;
/** So that one container cannot take them all. */
const maxForwardedPerClient = 100;

const typeNames = new Map<number, string>(Object.entries(recordType).map(([name, value]) => [value, name]));

/** `upstreamOf`: who is asked for a client with these nameservers of its own, or without; `undefined`: nobody. */
export function responder(names: () => DnsNames, upstreamOf: (own: readonly string[] | undefined) => Upstream | undefined, random: Random): Respond {
  let forwarded = 0;
  const forwardedOf = new Map<string, number>();

  async function forward(bytes: Buffer, question: DnsQuestion, from: string, transport: 'udp' | 'tcp'): Promise<Buffer> {
    const upstream = upstreamOf(names().nameserversOf.get(from));
    const ofClient = forwardedOf.get(from) ?? 0;
    const failure = () => writeAnswer(question, [], responseCode.serverFailure, limitOf(question, transport)); // says all that a client can be told
    if (!upstream || forwarded >= maxForwarded || ofClient >= maxForwardedPerClient) return failure();
    forwarded++;
    forwardedOf.set(from, ofClient + 1);
    try {
      return await upstream.ask(bytes, transport);
    } catch {
      return failure();
    } finally {
      forwarded--;
      const left = forwardedOf.get(from)! - 1;
      if (left > 0) forwardedOf.set(from, left);
      else forwardedOf.delete(from);
    }
  }

  return (bytes, from, transport) => {
    const question = readQuestion(bytes);
    if (question === undefined) return undefined;
    if (typeof question === 'number') return writeFailure(bytes, question);
    const limit = limitOf(question, transport);
    if (question.edns && question.edns.version > 0) return writeAnswer(question, [], responseCode.badVersion, limit);
    if (question.name === undefined || question.class !== internetClass) return forward(bytes, question, from, transport);
    const answer = answerQuestion(names(), from, { name: question.name, type: typeNames.get(question.type) ?? '' }, random);
    switch (answer.kind) {
      case 'records':
        return writeAnswer(question, answer.records, responseCode.ok, limit);
      case 'no-such-name':
        return writeAnswer(question, [], responseCode.noSuchName, limit);
      case 'elsewhere':
        return forward(bytes, question, from, transport);
    }
  };
}

function limitOf({ edns }: DnsQuestion, transport: 'udp' | 'tcp'): number {
  if (transport === 'tcp') return maxStreamBytes;
  return Math.min(Math.max(edns?.datagramBytes ?? datagramBytes, datagramBytes), maxDatagramBytes);
}
