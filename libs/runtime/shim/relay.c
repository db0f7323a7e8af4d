#define _GNU_SOURCE
/* A container's terminal shown on ours, for commands in the foreground. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "shim.h"

static struct termios before;
static bool is_raw;

static void make_raw(void) {
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return;
	struct termios raw = before;
	cfmakeraw(&raw);
	is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void restore(void) {
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void copy_size(int master) {
	struct winsize size;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		ioctl(master, TIOCSWINSZ, &size);
}

static bool pump(int from, int to) {
	char bytes[8192];
	ssize_t length = read(from, bytes, sizeof bytes);
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	for (ssize_t written = 0; written < length;) {
		ssize_t part = write(to, bytes + written, (size_t)(length - written));
		if (part < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		written += part > 0 ? part : 0;
	}
	return length > 0;
}

static int watch_size(int children) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(children, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the process wrote last is still in the terminal when it has ended. */
static void drain(int master) {
	fcntl(master, F_SETFL, O_NONBLOCK);
	struct pollfd left = {.fd = master, .events = POLLIN};
	while (poll(&left, 1, 0) > 0 && left.revents & POLLIN && pump(master, STDOUT_FILENO))
		;
}

int relay_terminal(int connection, int master, int children, pid_t pid) {
	int wait_status;
	watch_size(children);
	make_raw();
	copy_size(master);
	struct pollfd watched[] = {
		{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = master, .events = POLLIN}, {.fd = children, .events = POLLIN}, {.fd = connection},
	};
	for (;;) {
		if (poll(watched, 4, -1) < 0 && errno != EINTR)
			break;
		if (watched[0].revents && !pump(STDIN_FILENO, master)) {
			char end_of_file = 4;
			write(master, &end_of_file, 1);
			watched[0].fd = -1;
		}
		if (watched[1].revents && !pump(master, STDOUT_FILENO))
			watched[1].fd = -1;
		struct signalfd_siginfo signal_info;
		while (watched[2].revents && read(children, &signal_info, sizeof signal_info) > 0)
			if (signal_info.ssi_signo == SIGWINCH)
				copy_size(master);
		if (waitpid(pid, &wait_status, WNOHANG) == pid)
			break;
	}
	drain(master);
	restore();
	return wait_status;
}
