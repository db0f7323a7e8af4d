import { execFileSync } from 'node:child_process';
import { lutimesSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Options under which GNU tar writes the same bytes for the same files, and says everything about them. */
const exactly = ['--sort=name', '--format=posix', '--xattrs', '--xattrs-include=*', '--numeric-owner', '--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f'];
const maxBytes = 1 << 29;

export function gnuTar(directory: string, ...names: string[]): Buffer {
  return execFileSync('tar', [...exactly, '-S', '-C', directory, '-c', ...names], { maxBuffer: maxBytes });
}

/** What GNU tar has to say about a tree, as one hash. */
export function fingerprint(directory: string): string {
  return execFileSync('sh', ['-c', `tar ${exactly.map((option) => `'${option}'`).join(' ')} -C "$0" -c . | sha256sum`, directory], { encoding: 'utf8' });
}

export function gnuUntar(archive: Buffer, directory: string): void {
  mkdirSync(directory, { recursive: true });
  execFileSync('tar', ['-x', '-p', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-C', directory], { input: archive, stdio: ['pipe', 'ignore', 'ignore'] });
}

export function listTar(archive: Buffer): string[] {
  return execFileSync('tar', ['-t', '--quoting-style=literal'], { input: archive, encoding: 'utf8', maxBuffer: maxBytes }).split('\n').filter((line) => line !== '');
}

/** As `tar -tv` does: mode, owner, size, date, time, name. */
export function describeTar(archive: Buffer): string[] {
  return execFileSync('tar', ['-tv', '--numeric-owner'], { input: archive, encoding: 'utf8', maxBuffer: maxBytes }).split('\n').filter((line) => line !== '');
}

/** One of everything that a file system can hold, with what each can carry. */
export function makeEverything(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const long = 'n'.repeat(200);
  execFileSync('bash', ['-ec', `
    mkdir -p deep/${long}/${long} empty sticky setgid; chmod 1777 sticky; chmod 2750 setgid
    echo content >deep/${long}/${long}/file; printf '' >nothing; head -c 100000 /dev/urandom >random
    printf x >$'not-\\xff\\xfeutf8'; printf y >$'line\\nfeed'; printf z >'ü with blanks'
    install -m 4711 -o 12 -g 34 /usr/bin/busybox suid; chown 3000000:4000000 random
    ln random hard; ln random deep/harder; ln -s /etc/passwd absolute; ln -s ../../../../nowhere dangling; ln -s deep relative; chown -h 5:6 relative
    mkfifo fifo; mknod device c 1 7; mknod block b 7 200; truncate -s 30M sparse; printf tail >>sparse; printf mid | dd of=sparse bs=1 seek=10000000 conv=notrunc status=none
    touch -d '2001-02-03 04:05:06.789012345 UTC' nothing random; touch -h -d '1999-01-01 00:00:00.5 UTC' absolute; touch -d '1969-12-31 23:59:00.25 UTC' deep/${long}/${long}/file
    touch -d '2010-01-01 00:00:00.123456789 UTC' deep/${long} deep empty setgid`], { cwd: directory });
  lutimesSync(join(directory, 'dangling'), 1_000_000_000, 1_000_000_000);
  // cap_net_raw+ep; its bytes are no UTF-8
  const capability = '0100000280200000000000000000000000000000';
  execFileSync('python3', ['-c', `import os
os.setxattr('nothing', 'user.note', b'some value'); os.setxattr('empty', 'user.dir', b'1'); os.setxattr('hard', 'security.capability', bytes.fromhex('${capability}'))`], { cwd: directory });
}
