const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `50 MiB`, with up to four significant digits as docker prints them. */
export function humanSize(bytes: number, separator = ' '): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${separator}${units[unit]}`;
}
