/* SPDX-License-Identifier: MIT
 *
 * strace -f's output, as it is, in PID/ctl: the process does what the recorded one did, and its children, too.
 *
 *	$ strace -f -o proc/100/ctl ls		or: cat strace.txt > proc/100/ctl
 *
 * A line with a process's number, a time, "<unfinished ...>", "<... resumed>", a signal or an exit can only be strace's and
 * is replayed (src/replay/process_live.c): the first process that is named is this one, the recorded results are
 * honoured, calls that concern no memory and calls that failed there are skipped and counted (ctl_calls... in
 * sim/replay). A line without any of that is a call of the ctl grammar, which reads strace's spelling, too; but where it
 * has strace's result behind it, what the grammar has no call for, what failed there, and what is about files that only
 * the recorded machine has, is replayed and skipped the same way.
 *
 * Left out: options that change the shape of lines (-c, -ff into one file).
 */
#include "view/ctl_strace.h"

#include "replay/process_live.h"
#include "replay/replay.h"
#include "view/call_index.h"
#include "view/files.h"
#include "view/task_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(struct span name, const char *names)
{
	char word[32];

	if (name.len + 2 >= sizeof(word))
		return false;
	word[0] = ' ';
	memcpy(word + 1, name.s, name.len);
	memcpy(word + 1 + name.len, " ", 2);
	return strstr(names, word) != NULL;
}

bool ctl_is_strace(const struct line_run *run)
{
	/* Files: their sizes and names are the recorded machine's. */
	static const char files[] = " open openat openat2 creat close dup dup2 dup3 fcntl fstat "
				    "newfstatat stat statx read pread64 write "
				    "pwrite64 lseek memfd_create ftruncate ";
	struct strace_line l;

	if (strace_has_marks(run->line, run->len))
		return true;
	/* Nearly every line ends here: nothing is recorded behind it. */
	if (!memmem(run->line, run->len, ") ", 2) || !strace_is_line(run->line, run->len))
		return false;
	strace_parse(run->line, run->len, &l);
	if (l.kind != STRACE_CALL)
		return false;
	/* `exit_group(0) = ?`: the line that tells the exit is to come. */
	if (l.result != STRACE_VALUE || is_one_of(l.name, files))
		return true;
	return !call_find(run->v->s->calls, l.name.s, l.name.len);
}

static struct process_live *live_of(struct line_run *run)
{
	if (!run->stream->data)
		run->stream->data = calloc(1, sizeof(struct process_live));
	return run->stream->data;
}

/* What this line counted goes to the session's sums. */
static void count(struct session *s, const uint64_t *before, const uint64_t *now)
{
	struct replay *r = session_replay(s);

	for (unsigned i = 0; r && i < NR_REC_COUNTS; i++)
		r->ctl_count[i] += now[i] - before[i];
}

enum step ctl_strace_line(struct line_run *run)
{
	struct machine *m = run->v->m;
	struct task *t = view_process(run->v);
	struct process_live *live = live_of(run);
	uint64_t before[NR_REC_COUNTS], result = 0;

	run->err = 0;
	if (!t || !live) {
		run->err = -(t ? refuse(&m->why, ENOMEM, "the host has no memory for this line")
			       : refuse(&m->why, ESRCH, "the process has ended"));
		return STEP_DONE;
	}
	memcpy(before, live->pr.record.count, sizeof(before));
	switch (process_live_line(live, m, t, run->line, run->len, &result)) {
	case LIVE_DONE:
		if (result > 4095)
			text_printf(run->result, "0x%llx", (unsigned long long)result);
		else
			text_dec(run->result, result, 0);
		break;
	case LIVE_NOTHING:
		break;
	case LIVE_MALFORMED:
	case LIVE_REFUSED:
		run->err = m->why.err;
		break;
	}
	count(run->v->s, before, live->pr.record.count);
	return STEP_DONE;
}

void ctl_strace_close(struct session *s, struct stream_state *st)
{
	if (st->data)
		process_live_finish(st->data);
	free(st->data);
	st->data = NULL;
}
