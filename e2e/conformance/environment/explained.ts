/** Differences that are meant. One that none of these covers fails the comparison. */
export interface Explanation {
  section: string;
  /** Of a line that only one side has. */
  line: RegExp;
  reason: string;
}

export const explained: readonly Explanation[] = [
  {
    section: 'limits',
    line: /^Max core file size/,
    reason: "Docker passes on the limits of whoever started dockerd, here a shell with soft limit 0; ours are written down, as Docker's packages set them (LimitCORE=infinity), and do not depend on that",
  },
  {
    section: 'mountinfo',
    line: /^\/ \/ r[ow],.* overlay overlay /,
    reason: 'the root is an overlay on both sides; ours is made in a private namespace and has no peer outside, and says volatile, because a writable layer never outlives a crash of the machine',
  },
  { section: 'mountinfo', line: /^\/ \S+ ro,relatime - tmpfs tmpfs ro/, reason: 'folders are masked by an empty tmpfs on both sides; ours can hold no file even for the kernel (nr_inodes), as newer runcs do' },
  { section: 'mountinfo', line: /^\/null \/proc\/interrupts /, reason: 'masked by Docker since 28.0; 20.10 is older' },
  { section: 'mountinfo', line: / \/sys\/fs\/cgroup\/\S+ ro,/, reason: "ours have a cgroup namespace of their own on cgroup v1, too, where Docker's have it on v2 only: the paths of the host's groups are not shown" },
  { section: 'mountinfo', line: / \/sbin\/docker-init ro/, reason: 'the init program is Debian\'s tini there and the shim here' },
  { section: 'cgroup', line: /^\d+:/, reason: "ours have a cgroup namespace of their own on cgroup v1, too, where Docker's have it on v2 only: the paths of the host's groups are not shown" },
  { section: 'etc', line: /^(fe00|ff00)::0?\t/, reason: 'the same addresses: Docker writes them without the last 0 since 24.0' },
];
