import { decode, encode } from 'dns-packet';
import type { RecordType } from 'dns-packet';
import { expect, test } from 'vitest';
import { seededRandom, Temporary } from '../../base/src/index.js';
import { answerQuestion } from '../src/dns-answers.js';
import { planNames } from '../src/dns-names.js';
import { responder } from '../src/dns-responder.js';
import type { Upstream } from '../src/dns-upstream.js';
import { db, endpoint, view, web } from './views.js';

const names = planNames(view());

test('a service is found by its name and its aliases, at its address', () => {
  expect(ask('shop_web')).toEqual(['10.10.0.2']);
  expect(ask('web')).toEqual(['10.10.0.2']);
  expect(ask('WEB.')).toEqual(['10.10.0.2']);
});

test('tasks. leads to every ready endpoint, and each slot has its name', () => {
  expect(ask('tasks.shop_web')).toEqual(['10.10.0.11', '10.10.0.12']);
  expect(ask('tasks.web')).toEqual(['10.10.0.11', '10.10.0.12']);
  expect(ask('2.shop_web')).toEqual(['10.10.0.12']);
  expect(ask('shop_web.2.w2')).toEqual(['10.10.0.12']);
});

test('a service without an address is its ready endpoints; a draining slot has none', () => {
  expect(ask('db')).toEqual(['10.20.0.21']);
  expect(ask('2.shop_db')).toEqual([]);
});

test('a name that exists without such a record is empty; a foreign one is not ours to answer', () => {
  expect(ask('web', 'AAAA')).toEqual([]);
  expect(ask('example.com')).toBe('elsewhere');
  expect(ask('web', 'A', '10.9.9.9')).toBe('elsewhere');
});

test('an address leads back to its name within the own networks', () => {
  expect(ask('12.0.10.10.in-addr.arpa', 'PTR')).toEqual(['shop_web.2.w2.shop_front']);
  expect(ask('2.0.10.10.in-addr.arpa', 'PTR')).toEqual(['shop_web.shop_front']);
  expect(ask('99.0.10.10.in-addr.arpa', 'PTR')).toBe('no-such-name');
  expect(ask('1.1.1.1.in-addr.arpa', 'PTR')).toBe('elsewhere');
});

test('two services with one alias share it', () => {
  const other = { ...db, id: 'api', name: 'shop_api', endpoints: [endpoint('a1', 1, 2, [['front', '10.10.0.31', ['web']]])] };
  const shared = planNames(view({ services: [web, other] }));
  const answer = answerQuestion(shared, '10.10.0.11', { name: 'web', type: 'A' }, seededRandom(1));
  expect(answer.kind === 'records' && answer.records.map(({ data }) => data).sort()).toEqual(['10.10.0.2', '10.10.0.31']);
});

test('what is not ours is SERVFAIL at once without an upstream, and upstream’s word with one', async () => {
  expect(await reply('example.com')).toMatchObject({ rcode: 'SERVFAIL', flag_ra: true });
  const answer = encode({ type: 'response', id: 7, questions: [{ type: 'A', name: 'example.com' }], answers: [{ type: 'A', name: 'example.com', data: '192.0.2.80' }] });
  expect(await reply('example.com', 'udp', { ask: async () => answer })).toMatchObject({ rcode: 'NOERROR', answers: [{ data: '192.0.2.80' }] });
  const dead: Upstream = { ask: () => Promise.reject(new Temporary('nobody there')) };
  expect(await reply('example.com', 'udp', dead)).toMatchObject({ rcode: 'SERVFAIL' });
});

test('a container with nameservers of its own has those asked, and no others', async () => {
  const [container] = view().containers;
  const known = planNames(view({ containers: [{ ...container!, nameservers: ['192.0.2.53'] }] }));
  const asked: unknown[] = [];
  const respond = responder(() => known, (own) => void asked.push(own), seededRandom(1));
  const question = encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'example.com' }] });
  for (const from of [container!.networks[0]!.address, '10.10.0.99']) await respond(question, from, 'udp');
  expect(asked).toEqual([['192.0.2.53'], undefined]);
});

test('an answer that is too long for a datagram says so, and is whole over TCP', async () => {
  const many = Array.from({ length: 100 }, (_, i) => endpoint(`t${i}`, i + 1, 2, [['front', `10.10.0.${i + 100}`]]));
  const large = planNames(view({ services: [{ ...web, endpoints: many }] }));
  const cut = await reply('tasks.shop_web', 'udp', undefined, large);
  expect(cut.flag_tc).toBe(true);
  expect(cut.answers!.length).toBeGreaterThan(5);
  const whole = await reply('tasks.shop_web', 'tcp', undefined, large);
  expect([whole.flag_tc, whole.answers!.length]).toEqual([false, 100]);
});

test('what is no question gets no answer', async () => {
  const respond = responder(() => names, () => undefined, seededRandom(1));
  expect(await respond(Buffer.from('junk'), '10.10.0.11', 'udp')).toBeUndefined();
});

function ask(name: string, type = 'A', from = '10.10.0.11'): string[] | string {
  const answer = answerQuestion(names, from, { name, type }, seededRandom(1));
  return answer.kind === 'records' ? answer.records.map(({ data }) => data).sort() : answer.kind;
}

async function reply(name: string, transport: 'udp' | 'tcp' = 'udp', upstream?: Upstream, known = names) {
  const question = encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type: 'A' as RecordType & 'A', name }] });
  const bytes = await responder(() => known, () => upstream, seededRandom(1))(question, '10.10.0.11', transport);
  return decode(bytes!) as ReturnType<typeof decode> & { rcode: string };
}
