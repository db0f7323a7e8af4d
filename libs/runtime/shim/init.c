#define _GNU_SOURCE
/* `init: true`: a first process that reaps what others leave behind, passes every signal on, and ends as its child does. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

static pid_t start(char **arguments, const sigset_t *before) {
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	setpgid(0, 0);
	if (isatty(STDIN_FILENO)) {
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(STDIN_FILENO, getpgrp());
		signal(SIGTTOU, SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(arguments[0], arguments);
	fprintf(stderr, "docker-init: %s: %s\n", arguments[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void reap(pid_t main_process) {
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == main_process)
			_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

void run_init(char **arguments) {
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t main_process = start(arguments, &before);
	if (main_process < 0)
		_exit(1);
	for (;;) {
		int number = sigwaitinfo(&all, NULL);
		if (number == SIGCHLD)
			reap(main_process);
		else if (number > 0)
			kill(main_process, number);
	}
}
