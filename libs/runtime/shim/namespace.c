#define _GNU_SOURCE
/* Namespaces beyond plain unshare: user namespaces with their maps, time offsets, a network's own loopback. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

/* Of the container: maps the ids of its layers now, and is entered when everything stands. */
static int user_namespace = -1;

int container_user_namespace(void) {
	return user_namespace;
}

void op_join_namespace(struct record *record) {
	uint32_t kind = take_u32(record);
	const char *path = take_string(record);
	int namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, (int)kind) < 0)
		fail("join the namespace", path);
	close(namespace);
}

void join_pid_namespace(const char *path) {
	if (!*path)
		return;
	int namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWPID) < 0)
		fail("join the namespace", path);
	close(namespace);
}

static void write_map(int process, const char *name, const char *text) {
	int file = openat(process, name, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, text, strlen(text)) < 0)
		fail("map the ids of the user namespace", text);
	close(file);
}

/*
 * A user namespace comes with a process. This one only lends us its /proc directory, which shows up in our table of
 * descriptors because it shares it: its number in /proc may differ from the one that we know it by.
 */
static _Noreturn void lend_user_namespace(int told) {
	int self = -1;
	if (unshare(CLONE_NEWUSER) == 0)
		self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int answer = self < 0 ? -errno : self;
	if (write(told, &answer, sizeof answer) == sizeof answer)
		pause();
	_exit(1);
}

int make_user_namespace(const char *uid_map, const char *gid_map) {
	int told[2], answer = -EIO, pidfd;
	if (pipe2(told, O_CLOEXEC) < 0)
		fail("create", "a pipe");
	pid_t lender = sys_clone(CLONE_FILES, &pidfd);
	if (lender < 0)
		fail("create", "the user namespace");
	if (lender == 0)
		lend_user_namespace(told[1]);
	if (read(told[0], &answer, sizeof answer) != sizeof answer || answer < 0) {
		errno = -answer;
		fail("create", "the user namespace");
	}
	write_map(answer, "uid_map", uid_map);
	write_map(answer, "gid_map", gid_map);
	int namespace = openat(answer, "ns/user", O_RDONLY | O_CLOEXEC);
	if (namespace < 0)
		fail("open", "the user namespace");
	sys_pidfd_send_signal(pidfd, SIGKILL);
	waitpid(lender, NULL, 0);
	close(pidfd);
	close(answer);
	close(told[0]);
	close(told[1]);
	return namespace;
}

void take_user_namespace(pid_t process, const char *uid_map, const char *gid_map) {
	char path[32];
	snprintf(path, sizeof path, "/proc/%d", (int)process);
	int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		fail("open", path);
	write_map(directory, "uid_map", uid_map);
	write_map(directory, "gid_map", gid_map);
	user_namespace = openat(directory, "ns/user", O_RDONLY | O_CLOEXEC);
	if (user_namespace < 0)
		fail("open", "the user namespace");
	close(directory);
}

void op_user_namespace(struct record *record) {
	const char *path = take_string(record);
	const char *uid_map = take_string(record);
	const char *gid_map = take_string(record);
	user_namespace = *path ? open(path, O_RDONLY | O_CLOEXEC) : make_user_namespace(uid_map, gid_map);
	if (user_namespace < 0)
		fail("open the namespace", path);
}

void op_enter_user_namespace(void) {
	if (setns(user_namespace, CLONE_NEWUSER) < 0)
		fail("enter", "the user namespace");
}

/* Files are made with another owner, but with all rights: the kernel would drop some with the uid otherwise. */
void op_write_as(struct record *record) {
	uint32_t uid = take_u32(record);
	uint32_t gid = take_u32(record);
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
		fail("keep", "the capabilities");
	setfsgid(gid);
	setfsuid(uid);
	if ((uint32_t)setfsuid((uid_t)-1) != uid)
		fail_because("write as", "the container's root", "the kernel refuses its user id");
}

/* The offsets of a time namespace can be set until somebody is in it; who makes it is not, until it joins it. */
void op_time_namespace(struct record *record) {
	const char *offsets = take_string(record);
	if (unshare(CLONE_NEWTIME) < 0)
		fail("create", "the time namespace");
	if (*offsets)
		write_whole_file("/proc/self/timens_offsets", offsets, "set the clocks of the time namespace");
	int namespace = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWTIME) < 0)
		fail("enter", "the time namespace");
	close(namespace);
}

/* A new network namespace has a loopback that is down. */
void op_loopback(void) {
	struct ifreq request;
	memset(&request, 0, sizeof request);
	strcpy(request.ifr_name, "lo");
	request.ifr_flags = IFF_UP;
	int channel = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (channel < 0 || ioctl(channel, SIOCSIFFLAGS, &request) < 0)
		fail("bring up the network interface", "lo");
	close(channel);
}

void op_domainname(struct record *record) {
	const char *name = take_string(record);
	if (setdomainname(name, strlen(name)) < 0)
		fail("set the domain name", name);
}
