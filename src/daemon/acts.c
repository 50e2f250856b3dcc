// SPDX-License-Identifier: MIT
/*
 * Acts: one at a time, in the order of arrival, in slices.
 *
 * The machine's state is to be a function of the order of acts, and readers are to be served at all
 * times. So:
 *
 *	arrival ──► queue ──► current ──► answered
 *	                       │    ▲
 *	               it waits│    │another act was done
 *	                       ▼    │
 *	                       parked
 *
 * 1. One act is current. simm_write_step() does a slice of it, cut by counted steps; between two
 *    slices the loop serves reads. Others stand in the queue meanwhile.
 * 2. An act that must wait (kmap with no slot left) is parked, and the next one goes on. Whenever
 *    lines were run the parked ones are tried again, oldest first, before the queue.
 * 3. A signal for the client marks its act; what has not begun is answered EINTR, what has is told
 *    to end and says how far it came. O_NONBLOCK ends a wait in the same way, with EAGAIN.
 *
 * Invariant: `parked` and `queue` are ordered by arrival; an act is in one of them or current; at
 * most one act is inside the stream of an open file (file->writer), a second one of the same file
 * waits for the first.
 *
 * Replies are never sent from the interrupt callback itself: libfuse holds the request's lock there.
 */
#include "daemon/acts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t host_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- open files ---- */

struct file *file_new(struct acts *acts, struct simm_open *open)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->open = open;
	file->prev = &acts->files;
	file->next = acts->files.next;
	file->next->prev = file;
	acts->files.next = file;
	return file;
}

static void file_free_if_unused(struct file *file)
{
	if (file->users || !file->released)
		return;
	file->prev->next = file->next;
	file->next->prev = file->prev;
	simm_release(file->open);
	free(file);
}

void file_release(struct file *file)
{
	file->released = true;
	file_free_if_unused(file);
}

/* ---- lists ---- */

static void list_append(struct act_list *list, struct act *act)
{
	act->next = NULL;
	if (list->last)
		list->last->next = act;
	else
		list->first = act;
	list->last = act;
}

/* Keep the order of arrival: an act may be parked after younger ones were. */
static void list_insert_by_arrival(struct act_list *list, struct act *act)
{
	struct act **at = &list->first;

	while (*at && (*at)->arrival < act->arrival)
		at = &(*at)->next;
	act->next = *at;
	*at = act;
	if (!act->next)
		list->last = act;
}

static void list_remove(struct act_list *list, struct act *act)
{
	struct act *before = NULL;

	for (struct act *a = list->first; a != act; a = a->next) {
		assert(a);
		before = a;
	}
	if (before)
		before->next = act->next;
	else
		list->first = act->next;
	if (list->last == act)
		list->last = before;
	act->next = NULL;
}

/* ---- one act ---- */

void acts_init(struct acts *acts, struct simm *simm)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*acts = (struct acts){
		.simm = simm, .done = 1, .boot_ns = host_ns(), .wall_s = (uint64_t)now.tv_sec};
	acts->files.next = acts->files.prev = &acts->files;
	simm_tell_time(simm, 0, acts->wall_s);
}

void acts_finish(struct acts *acts)
{
	assert(!acts->current && !acts->queue.first && !acts->parked.first && !acts->reads);
	/* At the daemon's end the kernel need not release what is open. */
	while (acts->files.next != &acts->files)
		file_release(acts->files.next);
	free(acts->read_buffer);
}

void acts_enter(struct acts *acts, const struct simm_caller *caller)
{
	simm_set_caller(acts->simm, caller);
	simm_tell_time(acts->simm, host_ns() - acts->boot_ns, acts->wall_s);
}

static void on_act_interrupt(fuse_req_t req, void *data)
{
	struct act *act = data;

	act->interrupted = true;
}

struct act *act_new(
	struct acts *acts, enum act_kind kind, fuse_req_t req, const struct simm_caller *caller)
{
	struct act *act = calloc(1, sizeof(*act));

	if (!act)
		return NULL;
	act->acts = acts;
	act->kind = kind;
	act->req = req;
	act->caller = *caller;
	return act;
}

static void act_answer(struct act *act, ssize_t result)
{
	struct acts *acts = act->acts;

	if (result == -EINTR && act->would_block)
		result = -EAGAIN;
	fuse_req_interrupt_func(act->req, NULL, NULL);
	if (result < 0)
		fuse_reply_err(act->req, (int)-result);
	else if (act->kind == ACT_WRITE)
		fuse_reply_write(act->req, (size_t)result);
	else if (act->kind == ACT_MKDIR)
		acts->made(acts->data, act);
	else
		fuse_reply_err(act->req, 0);
	if (act->file) {
		act->file->users--;
		if (act->file->writer == act)
			act->file->writer = NULL;
		file_free_if_unused(act->file);
	}
	free(act->buffer);
	free(act->name);
	free(act);
}

/* The acts that are one step: 0 or -errno. */
static int act_directly(struct act *act)
{
	struct simm *simm = act->acts->simm;

	switch (act->kind) {
	case ACT_MKDIR:
		return simm_mkdir(simm, &act->dir, act->name);
	case ACT_UNLINK:
		return simm_unlink(simm, &act->dir, act->name);
	case ACT_RMDIR:
		return simm_rmdir(simm, &act->dir, act->name);
	case ACT_WRITE:
	case ACT_FLUSH:
		break;
	}
	assert(!"an act of many steps");
	return -EINVAL;
}

/* One slice. SIMM_DONE: *result is the answer. */
static enum simm_step act_step(struct act *act, ssize_t *result)
{
	enum simm_step step;

	if (act->interrupted && !act->write) {
		*result = -EINTR;
		return SIMM_DONE;
	}
	acts_enter(act->acts, &act->caller);
	if (!act->file) {
		*result = act_directly(act);
		return SIMM_DONE;
	}
	if (act->file->writer && act->file->writer != act)
		return SIMM_WAIT;
	if (!act->write) {
		act->file->writer = act;
		act->write = act->kind == ACT_FLUSH
				     ? simm_flush_begin(act->file->open, act->lock_owner)
				     : simm_write_begin(act->file->open, act->data, act->len,
					       act->offset, act->lock_owner);
		if (!act->write) {
			*result = -ENOMEM;
			return SIMM_DONE;
		}
	}
	if (act->interrupted)
		simm_write_interrupt(act->write);
	step = simm_write_step(act->write);
	if (step == SIMM_WAIT && act->nonblock && !act->interrupted) {
		act->would_block = true;
		act->interrupted = true;
		return SIMM_MORE; /* the next step ends it */
	}
	if (step == SIMM_DONE) {
		*result = simm_write_end(act->write);
		act->write = NULL;
	}
	return step;
}

/* ---- which act is next ---- */

static struct act *next_act(const struct acts *acts)
{
	if (acts->current)
		return acts->current;
	for (struct act *act = acts->parked.first; act; act = act->next)
		if (act->tried != acts->done || act->interrupted)
			return act;
	return acts->queue.first;
}

/* Make @act the current one, wherever it stood. */
static void take(struct acts *acts, struct act *act)
{
	bool parked = false;

	if (act == acts->current)
		return;
	for (const struct act *a = acts->parked.first; a && !parked; a = a->next)
		parked = a == act;
	list_remove(parked ? &acts->parked : &acts->queue, act);
	acts->current = act;
}

static void run_slice(struct acts *acts, struct act *act)
{
	uint64_t before = simm_acts(acts->simm);
	enum simm_step step;
	ssize_t result = 0;

	take(acts, act);
	step = act_step(act, &result);
	/* Lines that it ran before it had to wait may be what another one waits for. */
	if (step == SIMM_DONE || simm_acts(acts->simm) != before)
		acts->done++;
	if (step == SIMM_MORE)
		return;
	acts->current = NULL;
	if (step == SIMM_DONE) {
		act_answer(act, result);
		return;
	}
	act->tried = acts->done;
	list_insert_by_arrival(&acts->parked, act);
}

/* Clients that got a signal are answered at once, also while a long act of another one is current.
 */
static void answer_interrupted(struct acts *acts)
{
	struct act *next;
	ssize_t result = 0;

	for (struct act *act = acts->queue.first; act; act = next) {
		next = act->next;
		if (!act->interrupted)
			continue;
		list_remove(&acts->queue, act);
		act_answer(act, -EINTR);
	}
	for (struct act *act = acts->parked.first; act; act = next) {
		next = act->next;
		if (!act->interrupted || act_step(act, &result) != SIMM_DONE)
			continue;
		list_remove(&acts->parked, act);
		acts->done++;
		act_answer(act, result);
	}
}

void acts_submit(struct acts *acts, struct act *act)
{
	bool idle = !next_act(acts);

	act->arrival = ++acts->arrivals;
	if (act->file)
		act->file->users++;
	list_append(&acts->queue, act);
	/* May call back at once, when the signal came before the request. */
	fuse_req_interrupt_func(act->req, on_act_interrupt, act);
	if (idle)
		run_slice(acts, act);
}

/* ---- reads ---- */

static bool read_buffer_for(struct acts *acts, size_t len)
{
	char *grown;

	if (len <= acts->read_buffer_bytes)
		return true;
	grown = realloc(acts->read_buffer, len);
	if (!grown)
		return false;
	acts->read_buffer = grown;
	acts->read_buffer_bytes = len;
	return true;
}

static ssize_t read_now(struct acts *acts, const struct simm_caller *caller, struct file *file,
	size_t len, uint64_t offset)
{
	if (!read_buffer_for(acts, len))
		return -ENOMEM;
	acts_enter(acts, caller);
	return simm_read(file->open, acts->read_buffer, len, offset);
}

static void reply_read(struct acts *acts, fuse_req_t req, ssize_t got)
{
	if (got < 0)
		fuse_reply_err(req, (int)-got);
	else
		fuse_reply_buf(req, acts->read_buffer, (size_t)got);
}

static void on_read_interrupt(fuse_req_t req, void *data)
{
	struct parked_read *read = data;

	read->interrupted = true;
}

void acts_read(struct acts *acts, fuse_req_t req, const struct simm_caller *caller,
	struct file *file, size_t len, uint64_t offset, bool nonblock)
{
	ssize_t got = read_now(acts, caller, file, len, offset);
	struct parked_read *read, **at = &acts->reads;

	if (got != -EAGAIN || nonblock) {
		reply_read(acts, req, got);
		return;
	}
	read = calloc(1, sizeof(*read));
	if (!read) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*read = (struct parked_read){.acts = acts,
		.req = req,
		.caller = *caller,
		.file = file,
		.len = len,
		.offset = offset};
	file->users++;
	while (*at)
		at = &(*at)->next;
	*at = read;
	fuse_req_interrupt_func(req, on_read_interrupt, read);
}

/* Try the parked reads again; @end answers all of them. */
static void retry_reads(struct acts *acts, bool end)
{
	struct parked_read **at = &acts->reads;

	while (*at) {
		struct parked_read *read = *at;
		ssize_t got = read->interrupted || end ? -EINTR
						       : read_now(acts, &read->caller, read->file,
								 read->len, read->offset);

		if (got == -EAGAIN) {
			at = &read->next;
			continue;
		}
		*at = read->next;
		fuse_req_interrupt_func(read->req, NULL, NULL);
		reply_read(acts, read->req, got);
		read->file->users--;
		file_free_if_unused(read->file);
		free(read);
	}
}

/* ---- the loop's hooks ---- */

bool acts_work(struct acts *acts)
{
	struct act *act;

	answer_interrupted(acts);
	act = next_act(acts);
	if (act)
		run_slice(acts, act);
	if (acts->reads)
		retry_reads(acts, false);
	return next_act(acts) != NULL;
}

uint64_t acts_advance(struct acts *acts, uint64_t ns)
{
	static const struct simm_caller nobody;

	if (acts->current)
		return ns;
	acts_enter(acts, &nobody);
	acts->done++;
	return simm_advance(acts->simm, ns);
}

void acts_interrupt_all(struct acts *acts)
{
	struct act *act;

	for (act = acts->queue.first; act; act = act->next)
		act->interrupted = true;
	for (act = acts->parked.first; act; act = act->next)
		act->interrupted = true;
	if (acts->current)
		acts->current->interrupted = true;
	/* Each of them ends at its next step, so this ends, too. */
	answer_interrupted(acts);
	while ((act = next_act(acts)))
		run_slice(acts, act);
	retry_reads(acts, true);
}
