import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../base/src/index.js';
import { planNames } from '../src/dns-names.js';
import { responder } from '../src/dns-responder.js';
import { readQuestion } from '../src/dns-wire.js';
import { view } from './views.js';

/** What comes to a nameserver's port from containers that nobody knows. */

const names = planNames(view());
const respond = responder(() => names, () => undefined, seededRandom(1));
const client = '10.10.0.11';
const sound = encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type: 'A', name: 'shop_web' }], additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as never] });

test('whatever comes, there is an answer of the right size with the same id, or none', async () => {
  const damaged = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
    const bytes = Buffer.from(sound);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });
  const cut = fc.nat(sound.length).map((length) => sound.subarray(0, length));
  const random = fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, cut, random), fc.constantFrom('udp' as const, 'tcp' as const), async (bytes, transport) => {
      const answer = await respond(bytes, client, transport);
      if (!answer) return;
      expect(answer.length).toBeGreaterThanOrEqual(12);
      if (transport === 'udp') expect(answer.length).toBeLessThanOrEqual(1232);
      expect(answer.readUInt16BE(0)).toBe(bytes.readUInt16BE(0));
      expect(answer[2]! & 0x80).toBe(0x80);
    }),
    { numRuns: 20_000 },
  );
});

test('any name that a client can write is read as a decoder reads it', () => {
  const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,63}$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), fc.nat(0xffff), (labels, id) => {
      const name = labels.join('.');
      const question = readQuestion(encode({ type: 'query', id, questions: [{ type: 'AAAA', name }] }));
      expect(question).toMatchObject({ id, name, type: 28, class: 1 });
    }),
  );
});

test.each<[string, Buffer, number]>([
  ['a name that points at itself', withName([0xc0, 0x0c]), 1],
  ['a name that points into nowhere', withName([0xff, 0xff]), 1],
  ['a label that is longer than the message', withName([63, 0x61]), 1],
  ['a label of a kind that is not there', withName([0x41, 0x61, 0]), 1],
  ['a name without an end', withName(Array.from({ length: 260 }, (_, i) => (i % 2 ? 0x61 : 1))), 1],
  ['two questions', changed({ 5: 2 }), 1],
  ['an answer in the question', changed({ 7: 1 }), 1],
  ['an update', changed({ 2: 0x28 }), 4],
])('%s is refused in one message', async (_what, bytes, code) => {
  const answer = await respond(bytes, client, 'udp');
  expect(answer![3]! & 0x0f).toBe(code);
  expect(answer!.length).toBe(12);
});

test('a response is never answered, so that two nameservers cannot talk for ever', async () => {
  expect(await respond(changed({ 2: 0x80 }), client, 'udp')).toBeUndefined();
});

test('another class is not ours, and a newer EDNS is told which we speak', async () => {
  const chaos = Buffer.from(sound);
  chaos[chaos.indexOf(Buffer.from('shop_web')) + 8 + 1 + 3] = 3;
  expect((await respond(chaos, client, 'udp'))![3]! & 0x0f).toBe(2);
  const newer = Buffer.from(sound);
  newer[newer.length - 5] = 1;
  expect(decode((await respond(newer, client, 'udp'))!)).toMatchObject({ additionals: [{ type: 'OPT', extendedRcode: 1 }] });
});

test('the case of a name is repeated and does not matter, a missing family is no missing name', async () => {
  const ask = async (name: string, type: 'A' | 'AAAA') => decode((await respond(encode({ type: 'query', id: 9, questions: [{ type, name }] }), client, 'udp'))!) as ReturnType<typeof decode> & { rcode: string };
  expect(await ask('ShOp_WeB', 'A')).toMatchObject({ rcode: 'NOERROR', questions: [{ name: 'ShOp_WeB' }], answers: [{ name: 'ShOp_WeB', data: '10.10.0.2', ttl: 2 }] });
  expect(await ask('shop_web', 'AAAA')).toMatchObject({ rcode: 'NOERROR', answers: [] });
  expect(await ask('web.SHOP_front', 'A')).toMatchObject({ answers: [{ data: '10.10.0.2' }] });
});

test('one client cannot have all questions on their way upstream', async () => {
  const asked: (() => void)[] = [];
  const slow = responder(() => names, () => ({ ask: () => new Promise((resolve) => asked.push(() => resolve(Buffer.alloc(12)))) }), seededRandom(1));
  const foreign = encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'example.com' }] });
  const greedy = Array.from({ length: 500 }, () => slow(foreign, client, 'udp'));
  const modest = slow(foreign, '10.10.0.12', 'udp');
  expect(asked).toHaveLength(101);
  for (const answer of asked) answer();
  const codes = (await Promise.all(greedy)).map((answer) => answer![3]! & 0x0f);
  expect(codes.filter((code) => code === 2)).toHaveLength(400);
  expect((await modest)!.length).toBe(12);
});

function withName(name: number[]): Buffer {
  return Buffer.concat([sound.subarray(0, 12), Buffer.from(name)]);
}

function changed(bytes: Record<number, number>): Buffer {
  const copy = Buffer.from(sound);
  for (const [at, value] of Object.entries(bytes)) copy[Number(at)] = value;
  return copy;
}
