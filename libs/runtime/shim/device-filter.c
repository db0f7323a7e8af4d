#define _GNU_SOURCE
/* The device rules of a container where cgroup v2 has no file for them: a BPF program, made in TypeScript, attached to its group. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

enum { MAX_PROGRAM_BYTES = 4096 * sizeof(struct bpf_insn), MAX_ATTACHED = 64 };

static int bpf(int command, union bpf_attr *attributes) {
	return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

/* `program` must be aligned as instructions are. */
static int load(const void *program, size_t length) {
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attributes.insns = (uint64_t)(uintptr_t)program;
	attributes.insn_cnt = (uint32_t)(length / sizeof(struct bpf_insn));
	attributes.license = (uint64_t)(uintptr_t) "Apache";
	return bpf(BPF_PROG_LOAD, &attributes);
}

/* `replaced`: the program that gives way in the same moment; -1: none. */
static int attach(int group, int filter, int replaced) {
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.target_fd = (uint32_t)group;
	attributes.attach_bpf_fd = (uint32_t)filter;
	attributes.attach_type = BPF_CGROUP_DEVICE;
	attributes.attach_flags = BPF_F_ALLOW_MULTI | (replaced < 0 ? 0 : BPF_F_REPLACE);
	attributes.replace_bpf_fd = replaced < 0 ? 0 : (uint32_t)replaced;
	return bpf(BPF_PROG_ATTACH, &attributes);
}

static int detach(int group, int filter) {
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.target_fd = (uint32_t)group;
	attributes.attach_bpf_fd = (uint32_t)filter;
	attributes.attach_type = BPF_CGROUP_DEVICE;
	return bpf(BPF_PROG_DETACH, &attributes);
}

static int open_by_id(uint32_t id) {
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.prog_id = id;
	return bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
}

static uint32_t find_attached(int group, uint32_t ids[MAX_ATTACHED]) {
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.query.target_fd = (uint32_t)group;
	attributes.query.attach_type = BPF_CGROUP_DEVICE;
	attributes.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attributes.query.prog_cnt = MAX_ATTACHED;
	return bpf(BPF_PROG_QUERY, &attributes) < 0 ? 0 : attributes.query.prog_cnt;
}

void op_device_filter(struct record *record) {
	const char *path = take_string(record);
	size_t length;
	const unsigned char *bytes = take_rest(record, &length);
	void *program = malloc(length);
	if (!program)
		fail("load the device filter", path);
	memcpy(program, bytes, length);
	int filter = load(program, length);
	int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (filter < 0 || group < 0)
		fail("load the device filter", path);
	if (attach(group, filter, -1) < 0)
		fail("attach the device filter", path);
	close(filter);
	close(group);
	free(program);
}

static _Noreturn void give_up(const char *step, const char *path) {
	fprintf(stderr, "cannot %s %s: %s\n", step, path, strerror(errno));
	_exit(1);
}

/* Standard input holds the new program; none: nothing is filtered any more. There is no moment without a filter in between. */
_Noreturn void run_device_filter(const char *path) {
	static struct bpf_insn program[MAX_PROGRAM_BYTES / sizeof(struct bpf_insn)];
	uint32_t ids[MAX_ATTACHED];
	size_t length = 0;
	for (ssize_t got; length < sizeof program && (got = read(STDIN_FILENO, (char *)program + length, sizeof program - length)) > 0;)
		length += (size_t)got;
	int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group < 0)
		give_up("open", path);
	int filter = length > 0 ? load(program, length) : -1;
	if (length > 0 && filter < 0)
		give_up("load the device filter of", path);
	uint32_t count = find_attached(group, ids);
	int first = count > 0 ? open_by_id(ids[0]) : -1;
	if (length > 0 && attach(group, filter, first) < 0)
		give_up("attach the device filter of", path);
	for (uint32_t i = length > 0 ? 1 : 0; i < count; i++)
		if (detach(group, open_by_id(ids[i])) < 0)
			give_up("detach the device filter of", path);
	_exit(0);
}
