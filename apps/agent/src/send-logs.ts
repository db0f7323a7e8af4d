import type { ClientWritableStream } from '@grpc/grpc-js';
import type { LogRequest } from '../../../libs/model/src/index.js';
import type { LogMessage } from '../../../libs/wire/src/index.js';
import type { Worker } from '../../../libs/worker/src/index.js';

const linesPerMessage = 100;

/** Sends the log lines that a manager asked for, no faster than it reads them. */
export async function sendLogs(
  call: ClientWritableStream<LogMessage>,
  { requestId, taskIds, follow, tail, sinceMs, untilMs }: LogRequest,
  worker: Worker,
  signal: AbortSignal,
): Promise<void> {
  await write(call, { requestId }, signal);
  const options = {
    follow,
    ...(tail >= 0 && { tail }),
    ...(sinceMs && { sinceMs }),
    ...(untilMs && { untilMs }),
    signal,
  };
  await Promise.all(
    taskIds.map(async (taskId) => {
      let lines: NonNullable<LogMessage['lines']> = [];
      const flush = async () => {
        const batch = lines;
        lines = [];
        if (batch.length > 0) await write(call, { requestId, lines: batch }, signal);
      };
      for await (const line of worker.logs(taskId, options)) {
        lines.push({ taskId, stderr: line.stream === 'stderr', timestamp: line.timestamp, text: line.text });
        if (options.follow || lines.length >= linesPerMessage) await flush();
      }
      await flush();
    }),
  );
}

function write(call: ClientWritableStream<LogMessage>, message: LogMessage, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    call.write(message, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
