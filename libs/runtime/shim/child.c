#define _GNU_SOURCE
/*
 * The process that becomes the container's first, or an exec's: it executes the launch program as it arrives,
 * tells its parent that everything stands, waits for the word, and executes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim.h"

static char **environment;
static char **arguments;

static void reset_signals(void) {
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_standard_streams(const struct child_ends *ends) {
	dup2(ends->output, STDOUT_FILENO);
	dup2(ends->error, STDERR_FILENO);
}

/* /dev/null is opened inside, so that nothing of the host stays in the container's hands. */
static void take_standard_input(const struct child_ends *ends) {
	struct stat status;
	int input = ends->input >= 0 ? ends->input : open_in_root("dev/null", O_RDWR | O_CLOEXEC, 0);
	if (input < 0 || fstat(input, &status) < 0)
		fail("open", "/dev/null");
	if (ends->input < 0 && (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3)))
		fail_because("open", "/dev/null", "it is not the null device");
	if (input != STDIN_FILENO)
		dup2(input, STDIN_FILENO);
}

static void tell(const struct child_ends *ends, struct child_status status) {
	if (write(ends->status, &status, sizeof status) != sizeof status)
		end_process(1);
}

static const char *search_path(void) {
	for (char **entry = environment; *entry; entry++)
		if (strncmp(*entry, "PATH=", 5) == 0)
			return *entry + 5;
	return "";
}

/* The errno that tells most: a file that may not be executed says more than the next directory without one. */
static int execute_from_path(const char *name) {
	char candidate[4096];
	int told = ENOENT;
	for (const char *at = search_path(); *at;) {
		size_t length = strcspn(at, ":");
		if (length > 0 && length + strlen(name) + 2 < sizeof candidate) {
			memcpy(candidate, at, length);
			candidate[length] = '/';
			strcpy(candidate + length + 1, name);
			execve(candidate, arguments, environment);
			if (errno != ENOENT && errno != ENOTDIR)
				told = errno;
		}
		at += length;
		at += *at == ':';
	}
	return told;
}

static _Noreturn void execute(const struct child_ends *ends) {
	int error_number;
	load_late_seccomp();
	int hook_status = run_start_hooks();
	if (hook_status != 0) {
		tell(ends, (struct child_status){.ready = 0, .error_number = START_HOOK_FAILED | (uint32_t)hook_status << HOOK_STATUS_SHIFT});
		end_process(1);
	}
	if (strchr(arguments[0], '/')) {
		execve(arguments[0], arguments, environment);
		error_number = errno;
	} else {
		error_number = execute_from_path(arguments[0]);
	}
	tell(ends, (struct child_status){.ready = 0, .error_number = (uint32_t)error_number});
	end_process(error_number == ENOENT ? 127 : 126);
}

/* Whoever launched us is gone. A starter that goes away without the word was none. */
static void wait_for_starter(const struct child_ends *ends) {
	char word;
	close(ends->status);
	for (;;) {
		int starter = accept4(ends->listener, NULL, NULL, SOCK_CLOEXEC);
		if (starter < 0)
			end_process(1);
		if (read(starter, &word, 1) == 1) {
			dup3(starter, ends->status, O_CLOEXEC);
			close(starter);
			close(ends->listener);
			return;
		}
		close(starter);
	}
}

/* Nothing but the standard streams may outlive execve, whatever was opened before; a seccomp filter may forbid to say so. */
static void close_on_execute(const struct child_ends *ends) {
	static bool done;
	if (!done && syscall(SYS_close_range, 3 + ends->preserved, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) < 0)
		fail("close", "the descriptors");
	done = true;
}

/* What execve would say, told while whoever creates the container still listens. 0: it can be executed. */
static int examine_program(void) {
	if (strchr(arguments[0], '/'))
		return faccessat(AT_FDCWD, arguments[0], X_OK, AT_EACCESS) < 0 ? errno : 0;
	char candidate[4096];
	int told = ENOENT;
	for (const char *at = search_path(); *at; at += strcspn(at, ":"), at += *at == ':') {
		int length = (int)strcspn(at, ":");
		if (snprintf(candidate, sizeof candidate, "%.*s/%s", length, at, arguments[0]) >= (int)sizeof candidate)
			continue;
		if (faccessat(AT_FDCWD, candidate, X_OK, AT_EACCESS) == 0)
			return 0;
		if (errno != ENOENT && errno != ENOTDIR)
			told = errno;
	}
	return told;
}

static _Noreturn void wait_and_execute(const struct child_ends *ends) {
	char word;
	if (!arguments || !environment)
		fail_because("execute", "the program", "it has no arguments or no environment");
	close_on_execute(ends);
	int error_number = ends->listener >= 0 ? examine_program() : 0;
	if (error_number != 0) {
		tell(ends, (struct child_status){.ready = 0, .error_number = (uint32_t)error_number});
		end_process(1);
	}
	report_failures_to(-1);
	close(ends->connection);
	tell(ends, (struct child_status){.ready = 1});
	if (ends->listener >= 0)
		wait_for_starter(ends);
	else if (read(ends->go, &word, 1) != 1)
		end_process(1);
	execute(ends);
}

static void unshare_namespaces(struct record *record) {
	if (unshare((int)take_u32(record)) < 0)
		fail("create", "the namespaces");
}

static void join_target(const struct child_ends *ends, struct record *record) {
	if (setns(ends->target, (int)take_u32(record)) < 0)
		fail("join", "the namespaces of the container");
}

static void no_new_privileges(void) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("forbid", "new privileges");
}

void perform(const struct child_ends *ends, struct record *record) {
	switch (record->kind) {
	case OP_JOIN_CGROUP: return op_join_cgroup(record);
	case OP_JOIN_NAMESPACE: return op_join_namespace(record);
	case OP_JOIN_TARGET: return join_target(ends, record);
	case OP_UNSHARE: return unshare_namespaces(record);
	case OP_PROPAGATION: return op_propagation(record);
	case OP_MOUNT: return op_mount(record);
	case OP_OPEN_TREE: return op_open_tree(record);
	case OP_OPEN_ROOT: return open_root(take_string(record));
	case OP_FILESYSTEM: return op_filesystem(record);
	case OP_ATTACH: return op_attach(record);
	case OP_DIRECTORY: return op_directory(record);
	case OP_FILE: return op_file(record);
	case OP_SYMLINK: return op_symlink(record);
	case OP_NODE: return op_node(record);
	case OP_READ_ONLY: return op_read_only(record);
	case OP_MASK: return op_mask(record);
	case OP_PIVOT: return op_pivot();
	case OP_COPY_UP: return op_copy_up(record);
	case OP_READ_FILE: return op_read_file(ends->connection, record);
	case OP_HOSTNAME: return op_hostname(record);
	case OP_DOMAINNAME: return op_domainname(record);
	case OP_USER_NAMESPACE: return op_user_namespace(record);
	case OP_ENTER_USER_NAMESPACE: return op_enter_user_namespace();
	case OP_USER_PROCESS: return op_user_process(ends, record);
	case OP_MOVE_ROOT: return op_move_root(record);
	case OP_HAND_OVER: op_hand_over();
	case OP_TIME_NAMESPACE: return op_time_namespace(record);
	case OP_LOOPBACK: return op_loopback();
	case OP_WRITE_AS: return op_write_as(record);
	case OP_OWN_STREAMS: return op_own_streams(record);
	case OP_OPEN_TREE_IN: return op_open_tree_in(record);
	case OP_MAP_IDS: return op_map_ids(record);
	case OP_MOUNT_OPTIONS: return op_mount_options(record);
	case OP_OWNER: return op_owner(record);
	case OP_LABEL: return op_label(record);
	case OP_PERSONALITY: return op_personality(record);
	case OP_IO_PRIORITY: return op_io_priority(record);
	case OP_CPU_AFFINITY: return op_cpu_affinity(record);
	case OP_SCHEDULER: return op_scheduler(record);
	case OP_AMBIENT: return op_ambient(record);
	case OP_SYSCTL: return op_sysctl(record);
	case OP_RLIMIT: return op_rlimit(record);
	case OP_OOM_SCORE: return op_oom_score(record);
	case OP_UMASK: umask(take_u32(record)); return;
	case OP_NO_NEW_PRIVILEGES: return no_new_privileges();
	case OP_SECCOMP_LISTENER: return op_seccomp_listener(record);
	case OP_SECCOMP: close_on_execute(ends); return op_seccomp(record);
	case OP_HOOK: return op_hook(record);
	case OP_BOUNDING: return op_bounding(record);
	case OP_USER: return op_user(record);
	case OP_CAPABILITIES: return op_capabilities(record);
	case OP_WORKING_DIRECTORY: return op_working_directory(record);
	case OP_DEVICE_FILTER: return op_device_filter(record);
	case OP_ENVIRONMENT: environment = take_strings(record); return;
	case OP_ARGUMENTS: arguments = take_strings(record); return;
	case OP_CONSOLE: return op_console();
	case OP_TERMINAL: return op_terminal(ends, record);
	case OP_STDIN: return take_standard_input(ends);
	case OP_READY: wait_and_execute(ends);
	default: fail_because("read the launch program", "operation", "it is unknown");
	}
}

void run_child(const struct child_ends *ends) {
	struct record record;
	reset_signals();
	setsid();
	umask(0);
	take_standard_streams(ends);
	while (read_record(ends->connection, &record))
		perform(ends, &record);
	end_process(1); /* the agent hung up */
}
