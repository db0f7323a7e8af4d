#define _GNU_SOURCE
/* The standard streams of a process as its parent has them: pipes, or the master of a terminal. Reading and writing never wait. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim.h"

static void make_pipe(int *reader, int *writer) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("create", "a pipe");
	*reader = ends[0];
	*writer = ends[1];
}

static void never_wait(int descriptor) {
	fcntl(descriptor, F_SETFL, O_NONBLOCK);
}

static void close_end(int *descriptor) {
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

void streams_create(struct streams *streams, bool with_input, struct child_ends *ends) {
	int terminal[2];
	*streams = (struct streams){.input = -1, .master = -1};
	ends->input = -1;
	make_pipe(&streams->output[0], &ends->output);
	make_pipe(&streams->output[1], &ends->error);
	if (with_input)
		make_pipe(&ends->input, &streams->input);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, terminal) < 0)
		fail("create", "a socket pair");
	streams->terminal = terminal[0];
	ends->terminal = terminal[1];
	never_wait(streams->output[0]);
	never_wait(streams->output[1]);
	if (with_input)
		never_wait(streams->input);
}

void streams_forked(struct child_ends *ends) {
	close_end(&ends->output);
	close_end(&ends->error);
	close_end(&ends->input);
	close_end(&ends->terminal);
}

void streams_take_terminal(struct streams *streams) {
	int master = receive_terminal(streams->terminal);
	close_end(&streams->terminal);
	if (master < 0)
		return;
	close_end(&streams->output[0]);
	close_end(&streams->input);
	streams->output[0] = streams->master = master;
}

ssize_t streams_read(struct streams *streams, int number, unsigned char **bytes) {
	struct scratch *room = scratch();
	ssize_t length = read(streams->output[number], room->in, sizeof room->in);
	*bytes = room->in;
	if (length > 0)
		return length;
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	streams_end_output(streams, number);
	return -1;
}

void streams_end_output(struct streams *streams, int number) {
	if (streams->output[number] == streams->master)
		streams->master = -1;
	close_end(&streams->output[number]);
}

bool streams_have_ended(const struct streams *streams) {
	return streams->output[0] < 0 && streams->output[1] < 0;
}

int streams_input(const struct streams *streams) {
	return streams->master >= 0 ? streams->master : streams->input;
}

bool streams_forward(struct streams *streams, struct connection *connection, const struct record *input) {
	while (connection->forwarded < input->length) {
		ssize_t written = write(streams_input(streams), input->payload + connection->forwarded, input->length - connection->forwarded);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN)
			return false;
		if (written <= 0) {
			close_end(&streams->input); /* nobody reads it any more: what else comes is dropped */
			break;
		}
		connection->forwarded += (uint32_t)written;
	}
	connection->forwarded = 0;
	return true;
}

void streams_end_input(struct streams *streams) {
	close_end(&streams->input);
}
