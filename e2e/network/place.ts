import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Question } from './questions.js';

/**
 * A program that stands at one place of the network: it answers every TCP connection and datagram at port 8000 with the
 * address that it sees, and asks what it is told to in JSON lines, all at once. One line per answer.
 */

const port = 8000;
/** How long nothing must come back for silence; a refusal comes within milliseconds. */
const silenceMs = 4_000;
const askAgainMs = 250;

async function main(): Promise<void> {
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(plain(socket.remoteAddress));
  });
  const udp = createSocket({ type: 'udp6', ipv6Only: false });
  udp.on('message', (_text, from) => udp.send(plain(from.address), from.port, from.address));
  udp.on('error', () => undefined); // an answer that nobody took
  await Promise.all([new Promise<void>((resolve) => tcp.listen(port, '::', resolve)), new Promise<void>((resolve) => udp.bind(port, '::', resolve))]);
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line) as Question;
    void ask(question).then((answer) => console.log(JSON.stringify({ id: question.id, answer })));
  }
  process.exit();
}

async function ask(question: Question): Promise<string> {
  let { address } = question;
  if (question.name) {
    const found = await lookUp(question.name, question.family);
    if (found === undefined) return 'no name';
    address = found;
  }
  return question.protocol === 'tcp' ? askByTcp(address, question.port) : askByUdp(address, question.port, question.family);
}

async function lookUp(name: string, family: 4 | 6): Promise<string | undefined> {
  const resolver = new Resolver({ timeout: silenceMs, tries: 1 });
  resolver.setServers(['127.0.0.11']);
  try {
    return (family === 4 ? await resolver.resolve4(name) : await resolver.resolve6(name))[0];
  } catch {
    return undefined;
  }
}

function askByTcp(address: string, toPort: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: address, port: toPort });
    const settle = (answer: string) => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(silenceMs, () => settle('silence'));
    socket.on('error', () => settle('refused'));
    socket.on('data', (data) => (text += data.toString())).on('end', () => settle(text));
  });
}

/** A datagram may be lost: it is asked again until there is an answer. */
function askByUdp(address: string, toPort: number, family: 4 | 6): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(`udp${family}`);
    const settle = (answer: string) => {
      clearInterval(again);
      clearTimeout(deadline);
      resolve(answer);
      socket.close();
    };
    const say = () => socket.send('who?');
    const deadline = setTimeout(() => settle('silence'), silenceMs);
    let again: NodeJS.Timeout | undefined;
    socket.on('error', () => settle('refused')).on('message', (text) => settle(text.toString()));
    socket.connect(toPort, address, (error?: Error) => {
      if (error) return settle('refused'); // no way leads there
      say();
      again = setInterval(say, askAgainMs);
    });
  });
}

function plain(address = ''): string {
  return address.replace('::ffff:', '');
}

void main();
