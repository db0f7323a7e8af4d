import type { AssignmentItem, AssignmentKind } from '../../model/src/index.js';
import { shoal } from './generated/messages.js';

const wire = shoal.v1.ItemKind;

/** Does not compile when an assignment kind has no message value. */
const kindToWire: Record<AssignmentKind, shoal.v1.ItemKind> = {
  task: wire.ITEM_KIND_TASK,
  secret: wire.ITEM_KIND_SECRET,
  config: wire.ITEM_KIND_CONFIG,
  network: wire.ITEM_KIND_NETWORK,
  service: wire.ITEM_KIND_SERVICE,
  peer: wire.ITEM_KIND_PEER,
};

const kindFromWire = new Map(Object.entries(kindToWire).map(([kind, value]) => [value, kind as AssignmentKind]));

export type ItemKey = Pick<AssignmentItem, 'kind' | 'key'>;

export function encodeItem({ kind, key, value }: AssignmentItem): shoal.v1.Item.$Properties {
  return { kind: kindToWire[kind], key, value: Buffer.from(JSON.stringify(value)) };
}

export function encodeItemKey({ kind, key }: ItemKey): shoal.v1.ItemKey.$Properties {
  return { kind: kindToWire[kind], key };
}

/** `undefined` for a kind that this version does not know. The sender is a manager of our own cluster: its documents are trusted. */
export function decodeItem(message: shoal.v1.Item.$Properties): AssignmentItem | undefined {
  const kind = kindFromWire.get(message.kind ?? wire.ITEM_KIND_TASK);
  if (!kind || !message.value) return undefined;
  return { kind, key: message.key ?? '', value: JSON.parse(Buffer.from(message.value).toString()) } as AssignmentItem;
}

export function decodeItemKey(message: shoal.v1.ItemKey.$Properties): ItemKey | undefined {
  const kind = kindFromWire.get(message.kind ?? wire.ITEM_KIND_TASK);
  return kind && { kind, key: message.key ?? '' };
}
