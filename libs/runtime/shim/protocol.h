/*
 * The words between the agent and the shim. libs/runtime/src/operations.ts holds the same table; a test compares them.
 *
 * Everything on a connection, in both directions, is a record: u32 kind, u32 length, payload; little-endian.
 * Strings in a payload end with NUL; integers have no padding.
 */
#ifndef SHOAL_PROTOCOL_H
#define SHOAL_PROTOCOL_H

#define PROTOCOL_VERSION 2
#define MAX_RECORD_BYTES (4u << 20)

enum record_kind {
	/* First record of a connection: what the new process is to be. */
	OP_CONTAINER = 1, /* u32 version, u64 clone flags, directory, oom counter path, pid namespace to join (or empty), v2 cgroup to be born in (or empty); then OP_STREAMS */
	OP_EXEC = 2, /* u32 version, u32 pid, u64 start time, u32 options, u32 timeout ms, u32 max output bytes */
	OP_FILES = 8, /* u32 version, u32 pid or 0, u64 start time: looks at, reads or writes files of a container */
	OP_STREAMS = 4, /* u32 options, u32 log driver, u32 style, u64 max bytes, u32 max files, u32 buffer bytes, target, header */

	OP_LAUNCH = 3, /* u32 version, u64 clone flags, u32 target pid, u64 target start time, u32 preserved descriptors, u32 options, start socket, console socket, pid namespace to join */

	/* Executed in order by the process that becomes the container's. */
	OP_JOIN_CGROUP = 10, /* path of a cgroup.procs */
	OP_JOIN_NAMESPACE = 11, /* u32 kind, path */
	OP_JOIN_TARGET = 12, /* u32 kinds: namespaces of the exec's target */
	OP_UNSHARE = 13, /* u32 kinds */
	OP_PROPAGATION = 14, /* u32 flags, path */
	OP_USER_NAMESPACE = 15, /* path to join (or empty), uid map, gid map: prepared, not entered */
	OP_ENTER_USER_NAMESPACE = 16,
	OP_TIME_NAMESPACE = 17, /* offsets */
	OP_LOOPBACK = 18,
	OP_WRITE_AS = 19, /* u32 uid, u32 gid: owner of all files made from here on */

	OP_MOUNT = 20, /* u32 flags, source, target, type, data: before OP_OPEN_ROOT, host paths */
	OP_OPEN_TREE = 21, /* u32 slot, u32 recursive, source */
	OP_OPEN_ROOT = 22, /* path: from here on, paths are the container's */
	OP_FILESYSTEM = 23, /* u64 attributes, u32 target rule, target, type, options… */
	OP_ATTACH = 24, /* u32 slot, u64 attributes, u64 propagation, u32 recursive, u32 target rule, target */
	OP_DIRECTORY = 25, /* u32 mode, path */
	OP_FILE = 26, /* u32 mode, u32 uid, u32 gid, path, bytes */
	OP_SYMLINK = 27, /* path, text */
	OP_NODE = 28, /* u32 mode, u32 major, u32 minor, path */
	OP_READ_ONLY = 29, /* u32 bind first, path */
	OP_MASK = 30, /* path */
	OP_PIVOT = 31,
	OP_COPY_UP = 32, /* u32 slot of the volume, path in the container */
	OP_READ_FILE = 33, /* u32 max bytes, path: answered by one REPLY_FILE */
	OP_MAP_IDS = 34, /* u32 slot, u32 recursive, uid map, gid map (empty: of the container's user namespace) */
	OP_OPEN_TREE_IN = 35, /* u32 slot, u32 recursive, mount namespace, source */
	OP_OWNER = 36, /* u32 uid, u32 gid, path */
	OP_MOUNT_OPTIONS = 37, /* u64 set, u64 clear, u64 propagation, u32 recursive, target: of the mount that was attached last */

	OP_HOSTNAME = 40, /* name */
	OP_SYSCTL = 41, /* u32 must exist, path below /proc/sys, value */
	OP_RLIMIT = 42, /* u32 resource, u64 soft, u64 hard */
	OP_OOM_SCORE = 43, /* text */
	OP_UMASK = 44, /* u32 mask */
	OP_NO_NEW_PRIVILEGES = 45,
	OP_SECCOMP = 46, /* u32 flags, u32 late: just before execve, filter */
	OP_SECCOMP_LISTENER = 56, /* socket of who decides about system calls, what it is told with the listener */
	OP_BOUNDING = 47, /* u64 capabilities to keep */
	OP_USER = 48, /* u32 uid, u32 gid, u32 groups… */
	OP_CAPABILITIES = 49, /* u64 effective, u64 permitted, u64 inheritable */
	OP_WORKING_DIRECTORY = 50, /* path */
	OP_ENVIRONMENT = 51, /* strings… */
	OP_ARGUMENTS = 52, /* strings… */
	OP_TERMINAL = 53, /* u32 rows, u32 columns: makes a pseudo terminal the standard streams */
	OP_STDIN = 54, /* the parent's pipe, or else /dev/null, becomes standard input */
	OP_DEVICE_FILTER = 55, /* cgroup directory, BPF instructions */
	OP_CONSOLE = 88, /* /dev/console becomes the terminal of OP_TERMINAL */
	OP_DOMAINNAME = 80, /* name */
	OP_OWN_STREAMS = 81, /* u32 uid, u32 gid: of the host */
	OP_AMBIENT = 82, /* u64 capabilities */
	OP_LABEL = 83, /* name below /proc/<pid>/attr, text */
	OP_PERSONALITY = 84, /* u32 domain */
	OP_IO_PRIORITY = 85, /* u32 class and level */
	OP_SCHEDULER = 86, /* u32 policy, u32 nice, u32 priority, u64 flags, u64 runtime, u64 deadline, u64 period */
	OP_USER_PROCESS = 89, /* u64 clone flags, uid map, gid map: from here on its builder executes the program */
	OP_MOVE_ROOT = 90, /* path of a directory of the host: what the builder has made becomes the root of the process */
	OP_HAND_OVER = 91, /* from here on the process itself does */
	OP_CPU_AFFINITY = 92, /* u32 processors… */
	OP_READY = 59, /* everything stands: wait for COMMAND_GO */

	/* Last of a process that OP_FILES has begun. Paths are below the root that was opened. */
	OP_FILES_STAT = 100, /* path: one REPLY_ENTRY, whose link is where a symbolic link leads to */
	OP_FILES_READ = 101, /* path, name in the archive */
	OP_FILES_ROOT = 102, /* the root without what is mounted in it */
	OP_FILES_LAYER = 103, /* host directory: a writable layer, compared with the root when one is open */
	OP_FILES_WRITE = 104, /* u32 keep directories directories, directory; then */
	OP_FILES_ENTRY = 105, /* u32 is hard link, u32 mode, u32 uid, u32 gid, u32 major, u32 minor, u64 size, u64 mtime seconds, u32 nanoseconds, path, link, u32 count, name, u32 length, value… */
	OP_FILES_CONTENT = 106, /* u64 offset, bytes of the entry before */
	OP_FILES_END = 107,

	OP_HOOK = 58, /* u32 late: just before execve, u32 timeout ms, u32 count of arguments, path, standard input, arguments…, environment… */

	/* To a shim that stands. */
	COMMAND_GO = 60,
	COMMAND_SIGNAL = 61, /* u32 signal */
	COMMAND_RESIZE = 62, /* u32 rows, u32 columns of the terminal */
	COMMAND_FOLLOW = 63, /* u32 may type: from now on this connection gets the output */
	COMMAND_INPUT = 64, /* bytes for standard input */
	COMMAND_INPUT_END = 65,
	COMMAND_LOG_COMPRESSED = 66, /* u64 inode of a rotated file, path of its compressed twin */

	/* From the shim. */
	REPLY_EVENT = 70, /* one JSON object */
	REPLY_FILE = 71, /* u32 errno, bytes */
	REPLY_OUTPUT = 72, /* bytes of standard output, or of the terminal */
	REPLY_ENTRY = 110, /* of OP_FILES_…: u32 flags, u32 mode, u32 uid, u32 gid, u32 major, u32 minor, u64 size, u64 mtime seconds, u32 nanoseconds, path, link, u32 count, name, u32 length, value… */
	REPLY_CONTENT = 111, /* of the entry before: as many bytes as its size */
	REPLY_ERROR = 73, /* bytes of standard error */
	REPLY_LOST = 74, /* u64 bytes of output that this connection was too slow for */
};

enum streams_option {
	STREAMS_INPUT = 1, /* standard input is open */
	STREAMS_INPUT_ONCE = 2, /* and ends with the first who types */
	STREAMS_COMPRESS = 4, /* somebody is to compress rotated files */
};

enum exec_option {
	EXEC_INPUT = 1, /* standard input is open */
	EXEC_ENDS_WITH_CLIENT = 2, /* when the agent hangs up, it is killed */
};

enum launch_option {
	LAUNCH_STAY = 1, /* as the parent of the process, until it ends */
	LAUNCH_SECCOMP_LISTENER = 2, /* OP_SECCOMP_LISTENER follows */
	LAUNCH_USER_PROCESS = 4, /* OP_USER_PROCESS follows */
};

enum log_kind {
	LOG_NONE = 0,
	LOG_JSON = 1, /* target: path; header: text of the member before "time" */
	LOG_LOCAL = 2, /* target: path */
	LOG_SYSLOG = 3, /* target: unixgram:PATH, unix:PATH, udp:ADDRESS:PORT, tcp:ADDRESS:PORT; header: three strings around time and number */
	LOG_JOURNALD = 4, /* target: unixgram:PATH; header: fields of every entry */
};

/* Of syslog: the facility in bits 8 and up. */
enum log_style {
	STYLE_STAMP = 0, /* Jan  2 15:04:05 */
	STYLE_SECONDS = 1, /* RFC 3339 */
	STYLE_MICROSECONDS = 2,
};

/* How the target of a mount is found, and made when it is missing. */
enum target_rule {
	TARGET_CREATE_DIRECTORY = 1,
	TARGET_CREATE_FILE = 2,
	TARGET_NO_SYMLINKS = 4, /* every component must be real: /proc, /sys, /dev */
	TARGET_MAY_BE_PROC = 8, /* otherwise nothing may cover a file of procfs */
	TARGET_COPY_UP = 32, /* a new filesystem begins with what is at its place */
	TARGET_REPLACE_SYMLINK = 16, /* where the image has a symlink, an empty file takes its place */
};

#endif
