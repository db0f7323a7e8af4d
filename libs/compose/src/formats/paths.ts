/** Paths of the machine that the compose files are on: POSIX, with a look at Windows ones. No file system is asked. */

/** Shortest equal path, as Go's `filepath.Clean`. */
function cleanPath(path: string): string {
  const absolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '..' || !absolute) parts.push(part);
  }
  return (absolute ? '/' : '') + parts.join('/') || '.';
}

/** The path itself when it is absolute, else joined to the folder. */
export function absolutePath(folder: string, path: string): string {
  if (path.startsWith('/')) return path;
  return cleanPath(`${folder}/${path}`);
}

/** `C:\x`, `c:/x`, `\\server\share\x`: absolute for a Windows node whatever the client runs on. */
export function isWindowsAbsolute(path: string): boolean {
  return /^[a-zA-Z]:[\\/]/.test(path) || /^[\\/]{2}[^\\/.][^\\/]*[\\/][^\\/.][^\\/]*[\\/]/.test(path);
}
