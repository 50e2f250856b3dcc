// SPDX-License-Identifier: MIT
/*
 * One libuv loop that serves one FUSE session.
 *
 * How a round goes:
 *
 *	1. uv_poll on /dev/fuse says that requests wait.
 *	2. They are received and served until the descriptor has no more (it is non-blocking), but at
 *	   most REQUESTS_PER_ROUND of them, so that timers, signals and slices of long work get their
 *	   turn under any load.
 *	3. The work hook does one slice. While it says that there is more, an idle handle keeps the
 *	   loop from sleeping: rounds and slices alternate, so readers never wait for more than one
 *	   slice.
 *
 * This scheme was the fastest of those measured: one epoll_wait for many requests, no thread, no
 * splice (our replies are small). Invariant: requests are served in the order in which the kernel
 * hands them out, on one thread.
 *
 * It leaves out busy polling before sleep (faster where client and daemon have a CPU each, slower
 * where they share one) and FUSE over io_uring.
 */
#include "daemon/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#define REQUESTS_PER_ROUND 64

static const int watched_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

void *loop_take_buffer(struct loop *loop)
{
	void *mem = loop->buf.mem;

	loop->buf.mem = NULL; /* libfuse makes a new one for the next request */
	return mem;
}

/* The mount is gone. A child (COMMAND) that outlives it is still waited for. */
static void session_gone(struct loop *loop)
{
	loop->session_ended = true;
	uv_poll_stop(&loop->poll);
	if (!loop->child_runs)
		uv_stop(&loop->uv);
}

static void do_work(struct loop *loop);

static void on_idle(uv_idle_t *idle)
{
	do_work(idle->data);
}

static void do_work(struct loop *loop)
{
	bool more = loop->hooks.work && loop->hooks.work(loop->data);

	if (more && !uv_is_active((uv_handle_t *)&loop->idle))
		uv_idle_start(&loop->idle, on_idle);
	else if (!more)
		uv_idle_stop(&loop->idle);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct loop *loop = poll->data;
	int got = 0;

	/* A negative status is POLLERR: the mount ended. Receiving then says so (ENODEV), as it
	 * should. */
	for (unsigned i = 0; i < REQUESTS_PER_ROUND; i++) {
		got = fuse_session_receive_buf(loop->session, &loop->buf);
		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		fuse_session_process_buf(loop->session, &loop->buf);
		if (fuse_session_exited(loop->session))
			break;
	}
	if (fuse_session_exited(loop->session) || status < 0 ||
		(got < 0 && got != -EAGAIN && got != -EINTR)) {
		session_gone(loop);
		return;
	}
	/* The idle handle, if active, does the next slice by itself; otherwise requests may have
	 * brought work. */
	if (!uv_is_active((uv_handle_t *)&loop->idle))
		do_work(loop);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct loop *loop = handle->data;

	if (!loop->child_runs) {
		uv_stop(&loop->uv);
		return;
	}
	/* The terminal sends SIGINT and SIGQUIT to the child, too; what it makes of them is its
	 * affair. */
	if (signum == SIGTERM || signum == SIGHUP)
		uv_process_kill(&loop->child, signum);
}

static void on_timer(uv_timer_t *timer)
{
	struct loop *loop = timer->data;
	uint64_t now_ns = uv_hrtime();

	if (loop->hooks.tick)
		loop->hooks.tick(loop->data, now_ns - loop->last_tick_ns);
	loop->last_tick_ns = now_ns;
	if (!uv_is_active((uv_handle_t *)&loop->idle))
		do_work(loop);
}

static void on_child_exit(uv_process_t *child, int64_t status, int term_signal)
{
	struct loop *loop = child->data;

	loop->child_runs = false;
	loop->child_status = term_signal ? 128 + term_signal : (int)status;
	uv_stop(&loop->uv);
}

int loop_init(
	struct loop *loop, struct fuse_session *session, const struct loop_hooks *hooks, void *data)
{
	int fd = fuse_session_fd(session);
	int err;

	*loop = (struct loop){.session = session, .hooks = *hooks, .data = data};
	err = uv_loop_init(&loop->uv);
	if (err)
		return err;
	uv_idle_init(&loop->uv, &loop->idle);
	loop->idle.data = loop;
	uv_timer_init(&loop->uv, &loop->timer);
	loop->timer.data = loop;
	/* uv_poll_init() makes the descriptor non-blocking; the flag is checked because all depends
	 * on it. */
	err = uv_poll_init(&loop->uv, &loop->poll, fd);
	if (err)
		goto close_some;
	loop->poll.data = loop;
	assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	err = uv_poll_start(&loop->poll, UV_READABLE, on_readable);
	for (unsigned i = 0; i < sizeof(watched_signals) / sizeof(watched_signals[0]); i++) {
		int e = uv_signal_init(&loop->uv, &loop->signals[i]);

		loop->signals[i].data = loop;
		if (!e)
			e = uv_signal_start(&loop->signals[i], on_signal, watched_signals[i]);
		if (e && !err)
			err = e;
	}
	signal(SIGPIPE, SIG_IGN);
	if (!err)
		return 0;
close_some:
	loop_finish(loop);
	return err;
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void loop_finish(struct loop *loop)
{
	uv_walk(&loop->uv, close_handle, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	free(loop->buf.mem);
	loop->buf.mem = NULL;
}

void loop_start_timer(struct loop *loop, uint64_t interval_ms)
{
	loop->last_tick_ns = uv_hrtime();
	uv_timer_start(&loop->timer, on_timer, interval_ms, interval_ms);
}

int loop_spawn(struct loop *loop, char **argv, char **envp)
{
	uv_stdio_container_t stdio[3];
	uv_process_options_t options = {.file = argv[0],
		.args = argv,
		.env = envp,
		.stdio = stdio,
		.stdio_count = 3,
		.exit_cb = on_child_exit};
	int err;

	for (int fd = 0; fd < 3; fd++) {
		stdio[fd].flags = UV_INHERIT_FD;
		stdio[fd].data.fd = fd;
	}
	err = uv_spawn(&loop->uv, &loop->child, &options);
	loop->child.data = loop;
	loop->had_child = true;
	loop->child_runs = !err;
	return err;
}
