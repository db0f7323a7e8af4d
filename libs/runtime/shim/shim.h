#ifndef SHOAL_SHIM_H
#define SHOAL_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"

/* error.c: every failure names the step and the object, and reaches the agent as an event. */
void report_failures_to(int connection);
void listen_on_after_failure(void); /* until the agent hangs up */
_Noreturn void fail(const char *step, const char *object); /* with errno */
_Noreturn void fail_because(const char *step, const char *object, const char *reason);
_Noreturn void end_process(int status); /* even under a filter that forbids it */

/* record.c */
struct record {
	uint32_t kind;
	uint32_t length;
	const unsigned char *payload;
	uint32_t taken;
};
bool read_record(int connection, struct record *record); /* false: the agent hung up */
bool parse_record(const unsigned char *bytes, size_t available, struct record *record);
bool send_record(int connection, uint32_t kind, const void *payload, size_t length);
uint32_t take_u32(struct record *record);
uint64_t take_u64(struct record *record);
const char *take_string(struct record *record);
const unsigned char *take_bytes(struct record *record, size_t length);
const unsigned char *take_rest(struct record *record, size_t *length);
char **take_strings(struct record *record);
bool has_more(const struct record *record);

/* event.c: a small JSON object. */
struct event {
	char text[2048];
	size_t length;
};
void event_begin(struct event *event, const char *name);
void event_number(struct event *event, const char *key, long long value);
void event_flag(struct event *event, const char *key, bool value);
void event_text(struct event *event, const char *key, const char *value);
void event_end(struct event *event);
bool event_send(int connection, struct event *event);

/* connection.c: a connection in a loop that never waits. */
struct connection {
	int socket; /* -1: free */
	bool attached; /* wants the output */
	bool types; /* may write to standard input */
	bool stalled; /* its input waits for room */
	uint32_t forwarded; /* bytes of that input which have found room */
	uint32_t received;
	uint32_t header[2];
	unsigned char *payload;
	unsigned char *backlog; /* what the other side has not taken yet; NULL: nothing */
	size_t backlog_at;
	size_t backlog_length;
	uint64_t lost_bytes; /* of output, since it fell behind */
};
enum received { RECEIVED_NOTHING, RECEIVED_RECORD, RECEIVED_END };
enum { LAST_WORDS_MS = 1000 }; /* for whoever is slow to hear what is said to it at the end */
void connection_open(struct connection *connection, int socket);
void connection_close(struct connection *connection);
void connection_hear_out(struct connection *connection, long long until_ms);
enum received connection_receive(struct connection *connection, struct record *record); /* the record stays until its release */
void connection_release(struct connection *connection);
bool connection_is_behind(const struct connection *connection);
bool connection_flush(struct connection *connection); /* this and the following: false: it is broken */
bool connection_send(struct connection *connection, uint32_t kind, const void *payload, size_t length);
bool connection_offer(struct connection *connection, uint32_t kind, const void *payload, size_t length); /* dropped and counted when it is behind */
bool connection_send_event(struct connection *connection, struct event *event);

/* clients.c: all connections to a container's parent. */
enum { MAX_CLIENTS = 32 };
struct pollfd;
/* `obey`: false: there is no room for it yet; the client is asked again when there is. `leaving` hears of each that goes. */
void clients_open(bool (*obey)(struct connection *, struct record *), void (*leaving)(struct connection *));
struct connection *clients_add(int socket); /* NULL, and closed: there are too many */
void clients_remove(struct connection *connection);
bool clients_tell(struct event *event); /* whether an agent was there, beside those who are attached */
void clients_offer(uint32_t kind, const unsigned char *bytes, size_t length); /* to those who are attached */
void clients_watch(struct pollfd *watched); /* MAX_CLIENTS of them */
void clients_serve(const struct pollfd *watched);
bool clients_stall(void); /* somebody's input waits for room */
void clients_go_on(void);
void clients_part(void); /* last words */

/* zygote.c */
void continue_from_sealed_copy(char **arguments);
_Noreturn void run_zygote(const char *socket_path);

/* notify.c */
int run_notify(const char *directory, const char *supervisor, const char *pid, const char *main_pid); /* exit status */

/* init.c */
_Noreturn void run_init(char **arguments);

/* container.c: parent of one container. */
_Noreturn void run_container(int connection, struct record *record);

/* files.c: reads or writes files of a container. */
_Noreturn void run_files(int connection, struct record *record);

/* exec.c: parent of one process more in a container. */
_Noreturn void run_exec(int connection, struct record *record);

/* hook.c: programs of OCI configs that run on the way. */
enum { START_HOOK_FAILED = 0xffff, HOOK_STATUS_SHIFT = 16 }; /* in place of an error number, below what waitpid said */
void op_hook(struct record *record);
int run_start_hooks(void); /* wait status of the one that failed; 0: none; -1: it could not be run, or took too long */
void load_late_seccomp(void); /* process.c */

/* launch.c: forks one process that somebody else looks after. */
_Noreturn void run_launch(int connection);

/* courier.c: hands a seccomp listener to whoever decides about system calls. */
void courier_prepare(int ends[2]); /* before the fork: the process's end, the courier's */
_Noreturn void courier_run(int process, int pidfd);
void op_seccomp_listener(struct record *record);
void courier_alert(void); /* the filter is loaded next */
bool courier_announce(int listener); /* false: nobody has taken it */

/* relay.c: passes bytes between our terminal and the container's until its process ends. */
int relay_terminal(int connection, int master, int children, pid_t pid); /* wait status */

/* child.c: the process that becomes the container's. */
struct child_ends {
	int connection; /* where its program comes from */
	int status; /* tells its parent: ready, or why execve failed */
	int go; /* one byte: execute now */
	int listener; /* instead of go: whoever connects here gives the byte and hears what comes of it; -1: nobody can */
	uint32_t preserved; /* how many descriptors after the standard streams the program gets */
	int output; /* becomes standard output */
	int error; /* becomes standard error */
	int input; /* becomes standard input; -1: /dev/null does */
	int terminal; /* the master of a pseudo terminal goes here */
	int born; /* hears the process id of who OP_USER_PROCESS makes */
	int target; /* pidfd of an exec's container, or -1 */
};
struct child_status {
	uint32_t ready; /* 1: waits for go; 0: execve failed */
	uint32_t error_number;
};
_Noreturn void run_child(const struct child_ends *ends);
void perform(const struct child_ends *ends, struct record *record); /* one operation of a launch program */

/* scratch.c */
enum { READ_BYTES = 8192, LOG_OUT_BYTES = 4096 };
struct scratch {
	unsigned char in[READ_BYTES];
	char out[LOG_OUT_BYTES];
};
struct scratch *scratch(void);
bool scratch_is_held(void);
void scratch_release(void); /* nothing of it may be needed any more */

/* streams.c: the standard streams of a process, seen from its parent. */
struct streams {
	int output[2]; /* -1: ended; with a terminal the first is its master */
	int input; /* -1: none, or ended */
	int master; /* -1: no terminal */
	int terminal; /* where the master arrives */
};
void streams_create(struct streams *streams, bool with_input, struct child_ends *ends);
void streams_forked(struct child_ends *ends); /* closes what is the child's */
void streams_take_terminal(struct streams *streams); /* if the child has sent one */
ssize_t streams_read(struct streams *streams, int number, unsigned char **bytes); /* 0: nothing now; -1: ended */
void streams_end_output(struct streams *streams, int number);
bool streams_have_ended(const struct streams *streams);
int streams_input(const struct streams *streams); /* what waits for room; -1: input is dropped */
bool streams_forward(struct streams *streams, struct connection *connection, const struct record *input); /* false: no room for all of it yet */
void streams_end_input(struct streams *streams);

/* console.c */
void op_terminal(const struct child_ends *ends, struct record *record);
void op_console(void);
int receive_terminal(int socket); /* -1: none was sent */
bool set_terminal_size(int master, uint32_t rows, uint32_t columns);

/* root.c: paths inside the container's root. */
void open_root(const char *path);
bool root_is_open(void);
int root_directory(void);
int open_in_root(const char *path, int flags, uint64_t resolve); /* -1 with errno */
int make_directories_in_root(const char *path, mode_t mode); /* descriptor of the last one */
int open_parent_in_root(const char *path, const char **name);
int open_target(const char *path, uint32_t rule);
int open_proc_file(const char *path, int flags); /* path below /proc of the container; -1 with errno */

/* mount.c, node.c, copy.c, namespace.c, process.c, schedule.c: the operations. */
void op_mount(struct record *record);
void op_propagation(struct record *record);
void op_open_tree(struct record *record);
void op_filesystem(struct record *record);
void op_attach(struct record *record);
void op_mount_options(struct record *record);
void copy_between(int from, int to); /* directories */
void op_read_only(struct record *record);
void op_mask(struct record *record);
void op_pivot(void);
void op_directory(struct record *record);
void op_file(struct record *record);
void op_symlink(struct record *record);
void op_node(struct record *record);
void op_read_file(int connection, struct record *record);
void op_copy_up(struct record *record);
void op_join_cgroup(struct record *record);
void op_join_namespace(struct record *record);
void op_hostname(struct record *record);
void op_domainname(struct record *record);
void op_user_namespace(struct record *record);
void op_enter_user_namespace(void);
void op_user_process(const struct child_ends *ends, struct record *record);
void op_move_root(struct record *record);
_Noreturn void op_hand_over(void);
void op_time_namespace(struct record *record);
void op_loopback(void);
void op_write_as(struct record *record);
void op_own_streams(struct record *record);
void op_open_tree_in(struct record *record);
void op_map_ids(struct record *record);
void op_owner(struct record *record);
void op_label(struct record *record);
void op_personality(struct record *record);
void op_io_priority(struct record *record);
void op_cpu_affinity(struct record *record);
void op_scheduler(struct record *record);
void op_ambient(struct record *record);
void op_sysctl(struct record *record);
void op_rlimit(struct record *record);
void op_oom_score(struct record *record);
void op_seccomp(struct record *record);
void op_bounding(struct record *record);
void op_user(struct record *record);
void op_capabilities(struct record *record);
void op_working_directory(struct record *record);

int *mount_slot(struct record *record); /* of a mount source */
int make_user_namespace(const char *uid_map, const char *gid_map); /* descriptor */
int container_user_namespace(void);
void take_user_namespace(pid_t process, const char *uid_map, const char *gid_map); /* of a process that has made one */
pid_t limited_process(void); /* whose limits are meant; 0: our own */
void streams_have_owner(bool have);
void join_pid_namespace(const char *path); /* of processes forked from now on; empty: none */

/* log.c: where the output of a container is kept. */
void log_open(struct record *settings);
void log_take(int stream, const unsigned char *bytes, size_t length);
bool log_is_full(void); /* read no more of the output until it has room */
int log_descriptor(void); /* to wait for its room; -1: nothing waits */
int log_patience_ms(void); /* until it wants to be woken; -1: never */
void log_wake(void);
bool log_was_rotated(void); /* since it was last asked: a file waits to be compressed */
void log_replace(struct record *command); /* a rotated file by its compressed twin */
uint64_t log_lost_records(void);
void log_finish(void);

/* device-filter.c */
void op_device_filter(struct record *record);
_Noreturn void run_device_filter(const char *path); /* replaces the one of a group */

/* oom.c: kills for lack of memory. */
void oom_watch(const char *counter);
int oom_descriptor(void); /* to poll for input; -1: none */
int oom_patience_ms(void); /* when to look without being woken; -1: never */
void oom_wake(void); /* the descriptor has something */
bool oom_look(void); /* true: there was one more since the last look */
void oom_ignore_next(int signal); /* a signal that we send ourselves */
bool oom_ended(int wait_status); /* whether that is what ended the process */

/* system.c: calls that libc does not wrap, and small helpers. */
int sys_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_open_tree(int directory, const char *path, unsigned flags);
int sys_move_mount(int mount, int target);
int sys_fsopen(const char *type);
int sys_fsconfig(int context, unsigned command, const char *key, const char *value);
int sys_fsmount(int context, unsigned attributes);
int sys_mount_setattr(int mount, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation);
int sys_private_proc(void); /* a procfs that is mounted nowhere; -1 with errno */
int sys_pidfd_open(pid_t pid);
int sys_pidfd_send_signal(int pidfd, int signal);
int sys_clone(uint64_t flags, int *pidfd); /* fork with namespaces */
int sys_clone_sibling(uint64_t flags, int *pidfd); /* the same: a child of our parent's */
int sys_clone_into(uint64_t flags, int cgroup, int *pidfd); /* the same, born in a cgroup of v2 */
void write_whole_file(const char *path, const char *text, const char *step);
unsigned long long process_start_time(pid_t pid); /* 0: no such process */
long long wall_ms(void);
long long monotonic_ms(void);
int watch_children(void); /* a signalfd; blocks SIGCHLD */

#endif
