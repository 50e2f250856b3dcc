/* SPDX-License-Identifier: MIT
 *
 * One libuv loop that serves one FUSE session, with slices of long work in between. Knows nothing
 * of machines: the daemon and the null file system of bench/ both run on it.
 */
#ifndef SIMM_DAEMON_LOOP_H
#define SIMM_DAEMON_LOOP_H

#include "daemon/fuse_api.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* What the owner of the loop does, besides the session's operations. Any of them may be NULL. */
struct loop_hooks {
	/* After each batch of requests, and again as long as it answers true: one bounded slice of
	 * work. */
	bool (*work)(void *data);
	/* Each tick of the timer that loop_start_timer() started; @ns of host time passed since the
	 * last one. */
	void (*tick)(void *data, uint64_t ns);
};

struct loop {
	uv_loop_t uv;
	uv_poll_t poll;
	uv_idle_t idle;
	uv_timer_t timer;
	uv_signal_t signals[4];
	uv_process_t child;
	struct fuse_session *session;
	struct fuse_buf
		buf; /* of the request being served; mem may be taken with loop_take_buffer() */
	struct loop_hooks hooks;
	void *data;
	uint64_t last_tick_ns;
	bool child_runs;
	bool had_child;
	bool session_ended;
	int child_status; /* 128 + signal where one ended it */
};

/* 0 or -errno. The session is mounted already; its descriptor is made non-blocking. */
int loop_init(struct loop *loop, struct fuse_session *session, const struct loop_hooks *hooks,
	void *data);
/* Serve until unmounted, until SIGINT, SIGTERM or SIGHUP, or until the child ended. */
void loop_run(struct loop *loop);
void loop_finish(struct loop *loop);

void loop_start_timer(struct loop *loop, uint64_t interval_ms);
/* Run @argv as a child whose end is the loop's end. While it runs, SIGINT is its own affair, and
 * SIGTERM and SIGHUP are passed on to it. 0 or -errno where it cannot be started. */
int loop_spawn(struct loop *loop, char **argv, char **envp);
/* Keep the request's bytes beyond its handler: the caller frees them with free(). */
void *loop_take_buffer(struct loop *loop);

#endif
