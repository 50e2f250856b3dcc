// SPDX-License-Identifier: MIT
/*
 * simmfs: start, serve, end.
 *
 * The order of a start is what makes its errors speak:
 *
 *	1. options, mountpoint, /dev/fuse and fusermount3 are looked at;
 *	2. the description is read, the machine booted;
 *	3. it is mounted (the kernel holds requests back until we answer): all this in the process
 *	   that was called, with stderr at hand;
 *	4. a child takes over (not with -f or --); the loop is made in it, since libuv's loops do not
 *	   survive a fork;
 *	5. the kernel's INIT request is answered: the child lets go of the terminal and tells the
 *	   waiting parent, which ends with status 0. Had the child died before, the parent would see
 *	   the pipe closed, and say so.
 *
 * The end, by unmount, SIGINT, SIGTERM or SIGHUP: whatever is under way or parked is answered
 * (EINTR), then the mount goes, then the machine.
 */
#include "daemon/daemon.h"
#include "daemon/enter.h"
#include "daemon/mountpoint.h"
#include "daemon/options.h"
#include "daemon/source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REALTIME_TICK_MS 20

extern char **environ;

/* ---- the process ---- */

/* Between the mount and the loop a signal would end us and leave the mount behind: it waits for the loop. */
static void hold_signals(bool hold)
{
	static const int held[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t set;

	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		sigaddset(&set, held[i]);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* Whoever starts us with stdin, stdout or stderr closed must not find /dev/fuse in their place. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < 3);
	if (fd > 2)
		close(fd);
}

/* ---- what libfuse says while mounting ---- */

static char said[1024];

static void note_message(enum fuse_log_level level, const char *format, va_list args)
{
	if (!said[0])
		vsnprintf(said, sizeof(said), format, args);
}

static void print_message(enum fuse_log_level level, const char *format, va_list args)
{
	vfprintf(stderr, format, args);
}

/* ---- mounting ---- */

static int add_name(struct fuse_args *args, const char *key, const char *value)
{
	char *text = NULL, *escaped = NULL;
	int err = asprintf(&text, "%s=%s", key, value) < 0;

	err = err || fuse_opt_add_opt_escaped(&escaped, text) || fuse_opt_add_arg(args, "-o") ||
	      fuse_opt_add_arg(args, escaped);
	free(text);
	free(escaped);
	return err;
}

static int name_mount(struct options *options)
{
	const char *name = options->fsname;
	char *like = NULL;
	int err;

	if (!name && !options->machine && options->like &&
		asprintf(&like, "like=%s", options->like) > 0)
		name = like;
	if (!name)
		name = options->machine ? options->machine : default_machine();
	err = add_name(&options->mount_args, "fsname", name) ||
	      add_name(&options->mount_args, "subtype", "simmfs");
	free(like);
	return err;
}

/* 0, or -1 after a sentence. */
static int mount_machine(struct daemon *daemon, struct options *options, const char *mountpoint)
{
	int err = 0;

	if (name_mount(options)) {
		fputs("simmfs: no memory left\n", stderr);
		return -1;
	}
	fuse_set_log_func(options->debug ? print_message : note_message);
	daemon->session =
		fuse_session_new(&options->mount_args, &daemon_ops, sizeof(daemon_ops), daemon);
	if (daemon->session) {
		errno = 0;
		if (!fuse_session_mount(daemon->session, mountpoint)) {
			fuse_set_log_func(print_message);
			return 0;
		}
		err = errno;
		fuse_session_destroy(daemon->session);
		daemon->session = NULL;
	}
	mountpoint_explain_failure(options->mountpoint, err, said);
	return -1;
}

/* ---- into the background ---- */

static void let_go_of_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

void daemon_ready(struct daemon *daemon)
{
	if (daemon->ready_fd < 0)
		return;
	let_go_of_terminal();
	/* Without anybody to read it (the parent was killed) the daemon serves all the same. */
	if (write(daemon->ready_fd, "", 1) != 1)
		errno = 0;
	close(daemon->ready_fd);
	daemon->ready_fd = -1;
}

/* The process that was called: ends when the child has answered, or did not. */
static void wait_until_ready(int fd, pid_t child, const char *mountpoint)
{
	char byte;
	ssize_t got;
	int status = 0;

	do
		got = read(fd, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 1)
		_exit(0);
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status)); /* it said why */
	fprintf(stderr,
		"simmfs: the daemon ended before %s answered; try again with -f to see more\n",
		mountpoint);
	_exit(1);
}

/* 0 in the process that goes on, -1 after a sentence. */
static int go_into_background(struct daemon *daemon, const char *mountpoint)
{
	int pipe_fds[2];
	pid_t child;

	if (pipe2(pipe_fds, O_CLOEXEC)) {
		fprintf(stderr, "simmfs: cannot make a pipe: %s\n", strerror(errno));
		return -1;
	}
	fflush(NULL);
	child = fork();
	if (child < 0) {
		fprintf(stderr, "simmfs: cannot start the daemon: %s\n", strerror(errno));
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return -1;
	}
	if (child) {
		hold_signals(false);
		close(pipe_fds[1]);
		wait_until_ready(pipe_fds[0], child, mountpoint);
	}
	close(pipe_fds[0]);
	daemon->ready_fd = pipe_fds[1];
	setsid();
	if (chdir("/"))
		errno = 0; /* then the daemon stays where it is */
	return 0;
}

/* ---- serving ---- */

static bool work(void *data)
{
	struct daemon *daemon = data;

	return acts_work(&daemon->acts);
}

static void tick(void *data, uint64_t ns)
{
	struct daemon *daemon = data;

	daemon->owed_ns = acts_advance(&daemon->acts, daemon->owed_ns + ns);
}

static int start_command(struct daemon *daemon, char **command, const char *mountpoint)
{
	int err;

	setenv("SIMM_MNT", mountpoint, 1);
	err = loop_spawn(&daemon->loop, command, environ);
	if (!err)
		return 0;
	fprintf(stderr, "simmfs: cannot run %s: %s\n", command[0], strerror(-err));
	return err == -ENOENT ? 127 : 126;
}

/* An exit status. */
static int serve(struct daemon *daemon, const struct options *options, const char *mountpoint)
{
	static const struct loop_hooks hooks = {.work = work, .tick = tick};
	int status = 0;
	int err = loop_init(&daemon->loop, daemon->session, &hooks, daemon);

	if (err) {
		fprintf(stderr, "simmfs: cannot make the event loop: %s\n", strerror(-err));
		return 1;
	}
	hold_signals(false);
	if (options->realtime)
		loop_start_timer(&daemon->loop, REALTIME_TICK_MS);
	if (options->command)
		status = start_command(daemon, options->command, mountpoint);
	if (!status) {
		loop_run(&daemon->loop);
		if (daemon->loop.had_child)
			status = daemon->loop.child_status;
	}
	acts_interrupt_all(&daemon->acts);
	loop_finish(&daemon->loop);
	return status;
}

static int run(struct daemon *daemon, struct options *options)
{
	char *mountpoint;
	int status = 1;

	if (mountpoint_check(options, &mountpoint))
		return 1;
	daemon->simm = source_boot(options);
	if (!daemon->simm)
		goto free_mountpoint;
	if (inode_table_init(&daemon->inodes)) {
		fputs("simmfs: no memory left\n", stderr);
		goto destroy;
	}
	acts_init(&daemon->acts, daemon->simm);
	daemon->acts.made = daemon_made;
	daemon->acts.data = daemon;
	hold_signals(true);
	if (mount_machine(daemon, options, mountpoint))
		goto finish;
	if (options->foreground || options->debug || options->command ||
		!go_into_background(daemon, mountpoint))
		status = serve(daemon, options, mountpoint);
	fuse_session_unmount(daemon->session);
	fuse_session_destroy(daemon->session);
finish:
	acts_finish(&daemon->acts);
	inode_table_finish(&daemon->inodes);
	free(daemon->dir_buffer);
destroy:
	simm_destroy(daemon->simm);
free_mountpoint:
	free(mountpoint);
	return status;
}

int main(int argc, char **argv)
{
	struct daemon daemon = {.uid = geteuid(), .gid = getegid(), .ready_fd = -1};
	struct options options;
	int status;

	open_standard_files();
	status = options_parse(&options, argc, argv);
	clock_gettime(CLOCK_REALTIME, &daemon.mounted);
	if (!status) {
		switch (options.action) {
		case RUN_MOUNT:
			status = run(&daemon, &options);
			break;
		case RUN_ENTER:
			status = enter(options.mountpoint, options.command);
			break;
		case RUN_HELP:
			print_help();
			break;
		case RUN_VERSION:
			puts("simmfs " SIMM_VERSION);
			break;
		case RUN_LIST_MACHINES:
			print_machines();
			break;
		}
	}
	options_finish(&options);
	return status;
}
