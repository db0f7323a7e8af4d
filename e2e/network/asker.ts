import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { plainEnv } from '../harness/run.js';
import type { Question } from './questions.js';

const deadlineMs = 30_000;

/** The program `place.ts`, standing somewhere: `enter` is the argv that leads into its network namespace. */
export class Asker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<string, (answer: string) => void>();
  #isReady!: () => void;
  readonly #ready = new Promise<void>((resolve) => (this.#isReady = resolve));

  constructor(enter: string[], placeFile: string) {
    const [file, ...args] = enter as [string, ...string[]];
    this.#child = spawn(file, [...args, process.execPath, placeFile], { stdio: ['pipe', 'pipe', 'inherit'], env: plainEnv() });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#take(line));
  }

  ready(): Promise<void> {
    return inTime('an asker is ready', this.#ready);
  }

  /** Answers in the order of the questions. */
  ask(questions: readonly Question[]): Promise<string[]> {
    return inTime(
      'every answer',
      Promise.all(
        questions.map(
          (question) =>
            new Promise<string>((resolve) => {
              this.#waiting.set(question.id, resolve);
              this.#child.stdin!.write(`${JSON.stringify(question)}\n`);
            }),
        ),
      ),
    );
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #take(line: string): void {
    if (line === 'ready') return this.#isReady();
    const { id, answer } = JSON.parse(line) as { id: string; answer: string };
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }
}

async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms: ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
