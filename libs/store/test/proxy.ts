import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy that can swallow what passes in one direction or both, cut its connections, and refuse new ones. */
export class TestProxy {
  readonly #server: Server;
  readonly #pairs = new Set<{ client: Socket; target: Socket }>();
  readonly #stalled = new Set<'requests' | 'answers'>();
  #refusing = false;

  static async start(targetPort: number): Promise<TestProxy> {
    const proxy = new TestProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(targetPort: number) {
    this.#server = createServer((client) => {
      if (this.#refusing) return void client.destroy();
      const target = connect(targetPort, '127.0.0.1');
      const pair = { client, target };
      this.#pairs.add(pair);
      const end = () => {
        this.#pairs.delete(pair);
        client.destroy();
        target.destroy();
      };
      for (const socket of [client, target]) socket.setNoDelay(true).on('error', end).on('close', end);
      client.on('data', (data) => target.write(data));
      target.on('data', (data) => client.write(data));
      this.#apply(pair);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Holds back what is sent in that direction until `resume`. */
  stall(direction: 'requests' | 'answers'): void {
    this.#stalled.add(direction);
    for (const pair of this.#pairs) this.#apply(pair);
  }

  resume(): void {
    this.#stalled.clear();
    this.#refusing = false;
    for (const pair of this.#pairs) this.#apply(pair);
  }

  /** Ends every connection and takes no new one until `resume`. */
  cut(): void {
    this.#refusing = true;
    for (const { client, target } of this.#pairs) {
      client.resetAndDestroy();
      target.destroy();
    }
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #apply({ client, target }: { client: Socket; target: Socket }): void {
    if (this.#stalled.has('requests')) client.pause();
    else client.resume();
    if (this.#stalled.has('answers')) target.pause();
    else target.resume();
  }
}
