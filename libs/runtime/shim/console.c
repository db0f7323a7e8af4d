#define _GNU_SOURCE
/*
 * Pseudo terminals. The child opens one in the container's own devpts and hands the master to its parent over a socket;
 * nothing is ever looked up by its name under /dev/pts, where a container may have put something else (CVE-2025-52565).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shim.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
#define DEVPTS_MAGIC 0x1cd1

enum { MASTER_MAJOR = 5, MASTER_MINOR = 2, FIRST_SLAVE_MAJOR = 136, LAST_SLAVE_MAJOR = 143 };

union control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void hand_over(int socket, int descriptor) {
	char name[] = "/dev/ptmx";
	struct iovec part = {name, sizeof name - 1};
	union control control;
	memset(&control, 0, sizeof control);
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
	if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
		fail("hand over", "the terminal");
}

static bool is_terminal_device(int descriptor, unsigned first_major, unsigned last_major) {
	struct stat status;
	struct statfs filesystem;
	if (fstat(descriptor, &status) < 0 || fstatfs(descriptor, &filesystem) < 0 || !S_ISCHR(status.st_mode))
		return false;
	return filesystem.f_type == DEVPTS_MAGIC && major(status.st_rdev) >= first_major && major(status.st_rdev) <= last_major;
}

void op_terminal(const struct child_ends *ends, struct record *record) {
	uint32_t rows = take_u32(record);
	uint32_t columns = take_u32(record);
	int unlocked = 0;
	int master = open_in_root("dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
	if (master < 0)
		fail("open", "/dev/pts/ptmx");
	if (!is_terminal_device(master, MASTER_MAJOR, MASTER_MAJOR))
		fail_because("open", "/dev/pts/ptmx", "it is not a terminal's master");
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		fail("unlock", "the terminal");
	int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0 || !is_terminal_device(terminal, FIRST_SLAVE_MAJOR, LAST_SLAVE_MAJOR) || ioctl(terminal, TIOCSCTTY, 0) < 0)
		fail("open", "the terminal");
	if (rows > 0 && columns > 0 && !set_terminal_size(master, rows, columns))
		fail("size", "the terminal");
	hand_over(ends->terminal, master);
	for (int stream = 0; stream < 3; stream++)
		dup2(terminal, stream);
	streams_have_owner(false);
	close(terminal);
	close(master);
}

/* /dev/console is the terminal, by its descriptor and not by a name. */
void op_console(void) {
	const char *name;
	int parent = open_parent_in_root("/dev/console", &name);
	int file = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0666);
	if (file < 0 && errno != EEXIST)
		fail("create the mount point", "/dev/console");
	close(file);
	close(parent);
	int target = open_in_root("dev/console", O_PATH, RESOLVE_NO_SYMLINKS);
	int clone = sys_open_tree(STDIN_FILENO, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (target < 0 || clone < 0 || sys_move_mount(clone, target) < 0)
		fail("mount", "/dev/console");
	close(target);
	close(clone);
}

int receive_terminal(int socket) {
	char name[64];
	struct iovec part = {name, sizeof name};
	union control control;
	int master;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&master, CMSG_DATA(header), sizeof(int));
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	return master;
}

bool set_terminal_size(int master, uint32_t rows, uint32_t columns) {
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
	return ioctl(master, TIOCSWINSZ, &size) == 0;
}
