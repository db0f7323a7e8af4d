#define _GNU_SOURCE
/*
 * Namespaces that belong to a container's user namespace, as the OCI spec wants those that are made together with it: its root may
 * then set the hostname, mount a procfs, open raw sockets. They come with the process that is born into all of them at once; it can
 * do nothing on the host. So a builder, with all rights of the host's root, joins them but for its rights and mounts, makes the
 * container's root in mounts of its own, gives that to the process, and leaves it to execute the rest of the launch program.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

int umount2(const char *target, int flags);
#define DETACH 2

static int process = -1; /* pidfd, of the builder */
static int proceed = -1; /* to the process */
static pid_t subject; /* by the builder's own numbers */

pid_t limited_process(void) {
	return subject;
}

/* In the namespace nobody is root until the maps stand, and even then it has to be said. */
static void begin_process(int told, int go) {
	char word;
	pid_t self = getpid();
	if (write(told, &self, sizeof self) != sizeof self || read(go, &word, 1) != 1)
		end_process(1); /* the builder has told why */
	close(told);
	close(go);
	setsid();
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		fail("become", "root of the user namespace");
	if (chdir("/") < 0)
		fail("change to the directory", "/");
	streams_have_owner(true);
}

static _Noreturn void end_with(pid_t builder) {
	int wait_status = 0;
	while (waitpid(builder, &wait_status, 0) < 0 && errno == EINTR)
		;
	end_process(WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1);
}

void op_user_process(const struct child_ends *ends, struct record *record) {
	uint64_t flags = take_u64(record);
	const char *uid_map = take_string(record);
	const char *gid_map = take_string(record);
	int told[2], go[2];
	if (pipe2(told, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		fail("create", "a pipe");
	pid_t pid = sys_clone_sibling(flags | CLONE_NEWUSER, &process);
	if (pid < 0)
		fail("create", "the process in its user namespace");
	if (pid == 0) {
		close(go[1]);
		return begin_process(told[1], go[0]);
	}
	proceed = go[1];
	close(told[1]);
	close(go[0]);
	take_user_namespace(pid, uid_map, gid_map);
	if (write(ends->born, &pid, sizeof pid) != sizeof pid || read(told[0], &subject, sizeof subject) != sizeof subject)
		fail_because("create", "the process in its user namespace", "it has ended");
	close(told[0]);
	uint64_t joined = flags & ~(uint64_t)CLONE_NEWNS;
	if (joined && setns(process, (int)joined) < 0)
		fail("join", "the namespaces of the container");
	pid_t builder = fork();
	if (builder < 0)
		fail("create", "the builder of the container");
	if (builder > 0) {
		close(proceed);
		end_with(builder);
	}
}

/* A root that has been made becomes the process's, as it would its own: pivot_root moves everybody who stands in the old one. */
void op_move_root(struct record *record) {
	const char *path = take_string(record);
	int tree = sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0 || setns(process, CLONE_NEWNS) < 0)
		fail("join", "the mounts of the container");
	int target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0 || sys_move_mount(tree, target) < 0)
		fail("mount", "the root of the container");
	if (fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		fail("change to the root", "of the container");
	if (umount2(".", DETACH) < 0)
		fail("detach the root", "of the host");
	if (chdir("/") < 0)
		fail("change to the directory", "/");
}

_Noreturn void op_hand_over(void) {
	end_process(write(proceed, "g", 1) == 1 ? 0 : 1);
}
