import { connect, type Socket } from 'node:net';
import { Temporary } from '../../base/src/index.js';
import { keepaliveSeconds, type WireChange, type WirePeer, type WireStatus } from './wireguard-config.js';

/** The text protocol of userspace WireGuard (https://www.wireguard.com/xplatform/): `set=1` or `get=1`, lines, an empty line. Keys are in hex. */

const answerTimeoutMs = 5_000;

/** What `set` is told. */
export function renderWireChange({ privateKey, port, put, remove }: WireChange): string {
  return [
    'set=1',
    ...(privateKey === undefined ? [] : [`private_key=${hexKey(privateKey)}`]),
    ...(port === undefined ? [] : [`listen_port=${port}`]),
    ...remove.flatMap((key) => [`public_key=${hexKey(key)}`, 'remove=true']),
    ...put.flatMap(({ publicKey, endpoint, address }) => [
      `public_key=${hexKey(publicKey)}`,
      `endpoint=${endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address}:${endpoint.port}`,
      `persistent_keepalive_interval=${keepaliveSeconds}`,
      'replace_allowed_ips=true',
      `allowed_ip=${address}/32`,
    ]),
    '',
    '',
  ].join('\n');
}

/** What `get` answers. */
export function parseWireStatus(answer: string): WireStatus {
  const peers: WirePeer[] = [];
  const handshakes = new Map<string, number>();
  const own = { privateKey: '', port: 0 };
  for (const line of answer.split('\n')) {
    const [key, value = ''] = splitOnce(line);
    const peer = peers.at(-1);
    if (key === 'private_key') own.privateKey = base64Key(value);
    else if (key === 'listen_port') own.port = Number(value);
    else if (key === 'public_key') peers.push({ publicKey: base64Key(value), endpoint: { address: '', port: 0 }, address: '' });
    else if (key === 'endpoint' && peer) peer.endpoint = parseEndpoint(value);
    else if (key === 'allowed_ip' && peer) peer.address = value.replace(/\/.*/, '');
    else if (key === 'last_handshake_time_sec' && peer && value !== '0') handshakes.set(peer.publicKey, Number(value));
  }
  return { ...own, peers, handshakes };
}

/** Asks and waits for the answer without its last lines. `Temporary` when nobody answers, or with an error. */
export async function askWireguard(socketPath: string, question: string): Promise<string> {
  const socket = await connectWireguard(socketPath);
  try {
    socket.write(question);
    const answer = await readAnswer(socket);
    const errno = /^errno=(-?\d+)$/m.exec(answer)?.[1];
    if (errno !== '0') throw new Temporary(`WireGuard at ${socketPath} refused a change: errno ${errno}`);
    return answer;
  } finally {
    socket.destroy();
  }
}

/** A connection that ends when the other side does. */
export function connectWireguard(socketPath: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) => reject(new Temporary(`nobody answers at ${socketPath}`, { cause })));
  });
}

function readAnswer(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    socket.setTimeout(answerTimeoutMs, () => reject(new Temporary(`WireGuard did not answer within ${answerTimeoutMs} ms`)));
    socket.on('error', reject).on('close', () => reject(new Temporary('WireGuard ended before it had answered')));
    socket.setEncoding('utf8').on('data', (data: string) => {
      answer += data;
      if (answer.endsWith('\n\n')) resolve(answer);
    });
  });
}

function splitOnce(line: string): [string, string?] {
  const at = line.indexOf('=');
  return at < 0 ? [line] : [line.slice(0, at), line.slice(at + 1)];
}

function parseEndpoint(text: string): WirePeer['endpoint'] {
  const at = text.lastIndexOf(':');
  return { address: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
}

function hexKey(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}

function base64Key(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}
