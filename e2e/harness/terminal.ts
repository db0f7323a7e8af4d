import { spawn, type ChildProcess } from 'node:child_process';
import { plainEnv } from './run.js';
import { until } from './wait.js';

const deadlineMs = 20_000;

/** A program at a terminal of its own, 41 rows by 121 columns, and who types there. */
export class Terminal {
  output = '';
  readonly #child: ChildProcess;
  readonly ended: Promise<number>;

  private constructor(argv: string[], env: Record<string, string>) {
    const line = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    // script(1) makes the terminal, and hands its exit status on.
    this.#child = spawn('script', ['--quiet', '--return', '--flush', '--command', `stty rows 41 cols 121; exec ${line}`, '/dev/null'], { env: plainEnv({ TERM: 'dumb', ...env }), detached: true });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) stream.on('data', (data: Buffer) => (this.output += data.toString()));
    this.ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code ?? -1)));
  }

  static open(argv: string[], env: Record<string, string> = {}): Terminal {
    return new Terminal(argv, env);
  }

  type(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** Waits until it shows a text after what it has shown before. */
  async untilShows(text: string, after = 0): Promise<void> {
    await until(`the terminal shows ${JSON.stringify(text)}; so far: ${JSON.stringify(this.output)}`, async () => this.output.includes(text, after), { deadlineMs });
  }

  async exitStatus(): Promise<number> {
    const timer = setTimeout(() => this.kill(), deadlineMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** As when its window is closed, or its machine is gone: everything at it is killed. */
  kill(): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
  }
}
