import { execFileSync } from 'node:child_process';
import { copyFileSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes an image layer of Debian's busybox-static in `directory`. */
export function makeBusyboxLayer(directory: string): void {
  for (const name of ['bin', 'etc', 'tmp', 'root', 'var', 'home']) mkdirSync(join(directory, name), { recursive: true });
  const busybox = join(directory, 'bin/busybox');
  copyFileSync('/usr/bin/busybox', busybox);
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n').filter((name) => name && name !== 'busybox');
  for (const applet of applets) linkSync(busybox, join(directory, 'bin', applet));
  writeFileSync(join(directory, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n');
  writeFileSync(join(directory, 'etc/group'), 'root:x:0:\nwheel:x:10:root\napp:x:1000:\nextra:x:2000:app\n');
}
