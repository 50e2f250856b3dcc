// SPDX-License-Identifier: MIT
/*
 * daemon/acts: one act at a time, in slices; waiting ones are parked and tried again; every request is answered
 * exactly once.
 *
 * libsimm and libfuse are played by this file. A write's first letter says what it does:
 *
 *	a    done at once              s    four slices
 *	w    waits for a token         t    brings one token
 *	b    brings a token, then waits for two more (a write of several lines)
 *	x    takes a token and then brings one (who waited may help another one)
 */
#include "daemon/acts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REQUESTS 2048

struct simm {
	uint64_t acts;
	unsigned tokens, things; /* things: what a waiting read gets */
	unsigned inside;	 /* acts between two slices */
	char order[64];		 /* first letters, in the order in which they were done */
	unsigned nr_done;
};

struct simm_open {
	struct simm *simm;
	unsigned writers;
	bool released;
};

struct simm_write {
	struct simm_open *open;
	char kind;
	size_t len;
	unsigned steps;
	bool interrupted, brought;
	ssize_t result;
};

static struct {
	unsigned answers;
	ssize_t result;
	fuse_interrupt_func_t interrupt;
	void *data;
} requests[MAX_REQUESTS];
static unsigned nr_requests, nr_released;

static const struct simm_caller caller = {.pid = 1};

/* ---- libfuse's part ---- */

static fuse_req_t new_request(void)
{
	unsigned id = ++nr_requests;

	cr_assert_lt(id, MAX_REQUESTS);
	memset(&requests[id], 0, sizeof(requests[id]));
	return (fuse_req_t)(uintptr_t)id;
}

static int answer(fuse_req_t req, ssize_t result)
{
	requests[(uintptr_t)req].answers++;
	requests[(uintptr_t)req].result = result;
	return 0;
}

int fuse_reply_err(fuse_req_t req, int err)
{
	return answer(req, -err);
}

int fuse_reply_write(fuse_req_t req, size_t count)
{
	return answer(req, (ssize_t)count);
}

int fuse_reply_buf(fuse_req_t req, const char *buf, size_t size)
{
	return answer(req, (ssize_t)size);
}

void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t func, void *data)
{
	requests[(uintptr_t)req].interrupt = func;
	requests[(uintptr_t)req].data = data;
}

static void signal_for(unsigned id)
{
	cr_assert(requests[id].interrupt);
	requests[id].interrupt((fuse_req_t)(uintptr_t)id, requests[id].data);
}

/* ---- libsimm's part ---- */

uint64_t simm_acts(const struct simm *simm)
{
	return simm->acts;
}

void simm_set_caller(struct simm *simm, const struct simm_caller *who)
{
}

void simm_tell_time(struct simm *simm, uint64_t monotonic_ns, uint64_t wall_s)
{
}

uint64_t simm_advance(struct simm *simm, uint64_t ns)
{
	cr_assert_eq(simm->inside, 0, "time passes within an act");
	simm->tokens += (unsigned)ns;
	return 0;
}

int simm_mkdir(struct simm *simm, const struct simm_node *dir, const char *name)
{
	return 0;
}

int simm_unlink(struct simm *simm, const struct simm_node *dir, const char *name)
{
	cr_assert_eq(simm->inside, 0);
	simm->order[simm->nr_done++ % 64] = 'u';
	return -EPERM;
}

int simm_rmdir(struct simm *simm, const struct simm_node *dir, const char *name)
{
	return -EPERM;
}

ssize_t simm_read(struct simm_open *open, void *buf, size_t len, uint64_t offset)
{
	cr_assert(!open->released);
	if (!open->simm->things)
		return -EAGAIN;
	open->simm->things--;
	return 1;
}

void simm_release(struct simm_open *open)
{
	cr_assert(!open->released);
	cr_assert_eq(open->writers, 0);
	open->released = true;
	nr_released++;
}

struct simm_write *simm_write_begin(
	struct simm_open *open, const void *data, size_t len, uint64_t offset, uint64_t lock_owner)
{
	struct simm_write *write = calloc(1, sizeof(*write));

	cr_assert_eq(open->writers, 0, "two writes are inside one stream");
	open->writers++;
	write->open = open;
	write->kind = *(const char *)data;
	write->len = len;
	return write;
}

struct simm_write *simm_flush_begin(struct simm_open *open, uint64_t lock_owner)
{
	return simm_write_begin(open, "a", 0, 0, lock_owner);
}

void simm_write_interrupt(struct simm_write *write)
{
	write->interrupted = true;
}

ssize_t simm_write_end(struct simm_write *write)
{
	ssize_t result = write->result;

	write->open->writers--;
	free(write);
	return result;
}

static enum simm_step done(struct simm_write *write, ssize_t result)
{
	struct simm *simm = write->open->simm;

	if (result >= 0) {
		simm->order[simm->nr_done++ % 64] = write->kind;
		simm->acts++;
	}
	write->result = result;
	return SIMM_DONE;
}

static enum simm_step take_tokens(struct simm_write *write, unsigned wanted)
{
	if (write->open->simm->tokens < wanted)
		return SIMM_WAIT;
	write->open->simm->tokens -= wanted;
	return done(write, (ssize_t)write->len);
}

enum simm_step simm_write_step(struct simm_write *write)
{
	struct simm *simm = write->open->simm;

	if (write->kind == 's') {
		cr_assert_eq(
			simm->inside, write->steps > 0, "a step within the act of another one");
		simm->inside = !write->interrupted && write->steps < 3;
	} else if (!write->interrupted) {
		cr_assert_eq(simm->inside, 0, "a step within the act of another one");
	}
	if (write->interrupted)
		return done(write, -EINTR);
	switch (write->kind) {
	case 's':
		return ++write->steps < 4 ? SIMM_MORE : done(write, (ssize_t)write->len);
	case 'w':
		return take_tokens(write, 1);
	case 'x':
		if (take_tokens(write, 1) == SIMM_WAIT)
			return SIMM_WAIT;
		simm->tokens++;
		return SIMM_DONE;
	case 'b':
		if (!write->brought) {
			write->brought = true;
			simm->tokens++;
			simm->acts++;
		}
		return take_tokens(write, 2);
	case 't':
		simm->tokens++;
		simm->things++;
		break;
	}
	return done(write, (ssize_t)write->len);
}

/* ---- what the tests do ---- */

static struct simm simm;
static struct simm_open opens[8];
static struct file *files[8];
static struct acts acts;

static void setup(void)
{
	simm = (struct simm){0};
	nr_requests = nr_released = 0;
	acts_init(&acts, &simm);
	for (unsigned i = 0; i < 8; i++) {
		opens[i] = (struct simm_open){.simm = &simm};
		files[i] = file_new(&acts, &opens[i]);
	}
}

static void teardown(void)
{
	acts_interrupt_all(&acts);
	for (unsigned i = 1; i <= nr_requests; i++)
		cr_assert_eq(requests[i].answers, 1, "request %u was answered %u times", i,
			requests[i].answers);
	acts_finish(&acts);
	cr_assert_eq(nr_released, 8);
}

TestSuite(acts, .init = setup, .fini = teardown);

static unsigned submit(unsigned file, const char *kind, bool nonblock)
{
	struct act *act =
		act_new(&acts, *kind == 'f' ? ACT_FLUSH : ACT_WRITE, new_request(), &caller);
	unsigned id = nr_requests;

	act->file = files[file];
	act->len = strlen(kind);
	act->data = act->buffer = strdup(kind);
	act->nonblock = nonblock;
	acts_submit(&acts, act);
	return id;
}

static unsigned submit_unlink(void)
{
	struct act *act = act_new(&acts, ACT_UNLINK, new_request(), &caller);

	act->name = strdup("name");
	acts_submit(&acts, act);
	return nr_requests;
}

static unsigned submit_read(unsigned file, bool nonblock)
{
	fuse_req_t req = new_request();

	acts_read(&acts, req, &caller, files[file], 10, 0, nonblock);
	return nr_requests;
}

static void work_until_idle(void)
{
	for (unsigned i = 0; acts_work(&acts); i++)
		cr_assert_lt(i, 10000, "work without end");
}

static bool answered(unsigned id)
{
	return requests[id].answers;
}

static void assert_result(unsigned id, ssize_t want)
{
	cr_assert(answered(id), "request %u is not answered", id);
	cr_assert_eq(requests[id].result, want, "request %u: %zd, not %zd", id, requests[id].result,
		want);
}

Test(acts, a_short_act_is_answered_at_once)
{
	assert_result(submit(0, "abc", false), 3);
	assert_result(submit(0, "f", false), 0);
	assert_result(submit_unlink(), -EPERM);
}

Test(acts, readers_are_served_between_slices_and_others_queue)
{
	unsigned slow = submit(0, "s", false), next = submit(1, "a", false),
		 third = submit_unlink();

	simm.things = 1;
	cr_assert(!answered(slow) && !answered(next));
	assert_result(submit_read(2, false), 1);
	cr_assert(acts_work(&acts));
	cr_assert(!answered(slow) && !answered(next));
	work_until_idle();
	assert_result(slow, 1);
	assert_result(next, 1);
	assert_result(third, -EPERM);
	cr_assert_str_eq(simm.order, "sau");
}

Test(acts, who_waits_is_parked_and_others_go_on)
{
	unsigned waits = submit(0, "w", false), other = submit(1, "a", false);

	cr_assert(!answered(waits));
	assert_result(other, 1);
	work_until_idle();
	cr_assert(!answered(waits));
	assert_result(submit(1, "t", false), 1);
	work_until_idle();
	assert_result(waits, 1);
}

Test(acts, the_oldest_is_tried_first)
{
	unsigned first = submit(0, "w", false), second = submit(1, "w", false);

	submit(2, "t", false);
	work_until_idle();
	assert_result(first, 1);
	cr_assert(!answered(second));
	submit(2, "t", false);
	work_until_idle();
	assert_result(second, 1);
}

Test(acts, parked_ones_come_before_the_queue)
{
	unsigned waits = submit(0, "w", false);

	submit(1, "s", false);
	submit(2, "t", false);
	submit(3, "a", false);
	work_until_idle();
	assert_result(waits, 1);
	cr_assert_str_eq(simm.order, "stwa");
}

Test(acts, who_waited_may_help_another_one)
{
	unsigned two = submit(0, "b", false);

	work_until_idle();
	/* Its first line brought a token, and it waits for two: the next one takes that and gives it back. */
	assert_result(submit(1, "x", false), 1);
	work_until_idle();
	cr_assert(!answered(two));
	submit(2, "t", false);
	work_until_idle();
	assert_result(two, 1);
}

Test(acts, lines_before_a_wait_wake_others)
{
	unsigned waits = submit(0, "w", false);

	submit(1, "b", false);
	work_until_idle();
	assert_result(waits, 1);
}

Test(acts, a_signal_ends_what_is_parked_queued_or_under_way)
{
	unsigned parked = submit(0, "w", false), slow = submit(1, "s", false),
		 queued = submit(2, "a", false);

	signal_for(parked);
	signal_for(queued);
	cr_assert(!answered(parked), "no answer from within the callback");
	acts_work(&acts);
	assert_result(parked, -EINTR);
	assert_result(queued, -EINTR);
	cr_assert(!answered(slow));
	signal_for(slow);
	work_until_idle();
	assert_result(slow, -EINTR);
	cr_assert_eq(simm.nr_done, 0);
}

Test(acts, a_signal_that_came_before_the_request)
{
	unsigned slow = submit(0, "s", false), queued = submit(1, "a", false);

	signal_for(queued);
	work_until_idle();
	assert_result(slow, 1);
	assert_result(queued, -EINTR);
}

Test(acts, nonblocking_waits_are_EAGAIN)
{
	unsigned id = submit(0, "w", true);

	work_until_idle();
	assert_result(id, -EAGAIN);
	assert_result(submit_read(1, true), -EAGAIN);
}

Test(acts, a_second_write_to_the_same_file_waits_for_the_first)
{
	unsigned first = submit(0, "w", false), second = submit(0, "a", false);

	work_until_idle();
	cr_assert(!answered(second));
	submit(1, "t", false);
	work_until_idle();
	assert_result(first, 1);
	assert_result(second, 1);
}

Test(acts, reads_wait_for_something_to_come)
{
	unsigned first = submit_read(0, false), second = submit_read(1, false),
		 third = submit_read(2, false);

	submit(3, "t", false);
	work_until_idle();
	assert_result(first, 1);
	cr_assert(!answered(second));
	signal_for(second);
	work_until_idle();
	assert_result(second, -EINTR);
	cr_assert(!answered(third));
}

Test(acts, a_file_lives_until_its_requests_are_answered)
{
	unsigned waits = submit(0, "w", false);

	file_release(files[0]);
	cr_assert_eq(nr_released, 0);
	submit(1, "t", false);
	work_until_idle();
	assert_result(waits, 1);
	cr_assert_eq(nr_released, 1);
}

Test(acts, time_passes_between_acts_only)
{
	unsigned slow = submit(0, "s", false);

	cr_assert_eq(acts_advance(&acts, 1), 1, "it is still to pass");
	work_until_idle();
	assert_result(slow, 1);
	unsigned waits = submit(1, "w", false);
	cr_assert_eq(acts_advance(&acts, 1), 0);
	work_until_idle();
	assert_result(waits, 1);
}

/* Whatever comes, in whatever order: the assertions in the players above, and one answer for each (teardown). */
Test(acts, random_programs)
{
	static const char *const kinds[] = {"a", "s", "w", "t", "b", "x", "f"};

	srand(7);
	for (unsigned i = 0; i < 1500; i++) {
		unsigned file = (unsigned)rand() % 8, what = (unsigned)rand() % 16;

		if (what < 7)
			submit(file, kinds[what], rand() % 4 == 0);
		else if (what == 7)
			submit_read(file, rand() % 2);
		else if (what == 8)
			submit_unlink();
		else if (what < 11 && nr_requests && requests[nr_requests].interrupt)
			signal_for(nr_requests);
		else if (what == 11)
			acts_advance(&acts, 1);
		else
			acts_work(&acts);
	}
}
