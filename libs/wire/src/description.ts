import type { NodeDescription } from '../../model/src/index.js';
import type { shoal } from './generated/messages.js';

type Message = shoal.v1.Description.$Properties;

export function encodeDescription(description: NodeDescription): Message {
  return description;
}

export function decodeDescription(message: Message | null | undefined): NodeDescription {
  return {
    hostname: message?.hostname ?? '',
    os: message?.os ?? '',
    architecture: message?.architecture ?? '',
    nanoCpus: Number(message?.nanoCpus ?? 0),
    memoryBytes: Number(message?.memoryBytes ?? 0),
    generic: (message?.generic ?? []).map(({ kind, value }) => ({ kind: kind ?? '', value: Number(value ?? 0) })),
    engineVersion: message?.engineVersion ?? '',
    engineLabels: { ...message?.engineLabels },
    kernelVersion: message?.kernelVersion ?? '',
    osName: message?.osName ?? '',
    ...(message?.routes?.length ? { routes: message.routes.map(({ block, link }) => ({ block: block ?? '', link: link ?? '' })) } : {}),
  };
}
