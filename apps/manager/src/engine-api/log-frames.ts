import type { Task } from '../../../../libs/model/src/index.js';
import type { LogLine } from '../http/tokens.js';

/** One frame of Docker's multiplexed stream: `[stream, 0, 0, 0, length as 32 bits big endian]` and the payload. */
export function streamFrame(stream: 1 | 2 | 3, content: string | Uint8Array): Buffer {
  const payload = typeof content === 'string' ? Buffer.from(content) : content;
  const frame = Buffer.alloc(8 + payload.length);
  frame[0] = stream;
  frame.writeUInt32BE(payload.length, 4);
  frame.set(payload, 8);
  return frame;
}

/** `[timestamp ␠][details ␠]message`, as `docker service logs` takes it apart. */
export function logLineText(line: LogLine, task: Task | undefined, show: { timestamps: boolean; details: boolean }): string {
  const timestamp = show.timestamps ? `${line.timestamp} ` : '';
  const details = show.details ? `${swarmDetails(line, task)} ` : '';
  return `${timestamp}${details}${line.text.endsWith('\n') ? line.text : `${line.text}\n`}`;
}

/** The CLI stops at a line without these three. */
function swarmDetails(line: LogLine, task: Task | undefined): string {
  const pairs: [string, string][] = [
    ['com.docker.swarm.node.id', task?.nodeId ?? ''],
    ['com.docker.swarm.service.id', task?.serviceId ?? ''],
    ['com.docker.swarm.task.id', line.taskId],
  ];
  return pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join(',');
}
