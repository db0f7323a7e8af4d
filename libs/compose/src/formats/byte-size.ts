import { parseFloatText } from './float.js';

const powers = 'kmgtp';

/** Bytes of `64M`, `1.5gb`, `1 KiB`, `100`; always in powers of 1024. Nothing when it is not a size. */
export function parseByteSize(text: string): bigint | undefined {
  const match = /^(.*?[0-9.]) ?([^0-9. ]*)$/s.exec(text);
  if (!match) return undefined;
  const suffix = (match[2] as string).toLowerCase();
  if (!/^(?:b?|[kmgtp](?:b|ib)?)$/.test(suffix)) return undefined;
  const scale = suffix === '' || suffix === 'b' ? 1 : 1024 ** (powers.indexOf(suffix[0] as string) + 1);
  const number = parseFloatText(match[1] as string);
  if (number === undefined || number < 0) return undefined;
  const bytes = number * scale;
  return bytes >= 2 ** 63 ? -(2n ** 63n) : BigInt(Math.trunc(bytes));
}
