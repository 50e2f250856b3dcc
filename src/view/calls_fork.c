/* SPDX-License-Identifier: MIT
 *
 * System calls that make and end processes, as calls of PID/ctl; and spawn and switch_mm of the machine's ctl files.
 *
 * A child begins with its parent's names, so that what was `buf` before the fork is `buf` in both. A recorded result
 * (`= 12345`) is the number that the child gets.
 */
#include "view/arg_words.h"
#include "view/calls_process.h"

#include "base/parse.h"
#include "mm/process/task.h"
#include "mm/process/tlb_flush.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 4096

/* ---- making ---- */

static int make_child(struct call *c, unsigned flags)
{
	uint32_t wanted = 0;
	struct task *child;

	if (c->recorded_given && c->recorded && c->recorded <= INT32_MAX)
		wanted = (uint32_t)c->recorded;
	int err = task_clone(c->m, c->task, flags, wanted, &child);
	if (err)
		return err;
	return answer_number(c, child->pid);
}

int call_fork(struct call *c)
{
	return make_child(c, 0);
}

int call_vfork(struct call *c)
{
	return make_child(c, CLONE_VFORK_ | CLONE_VM_);
}

#define CSIGNAL 0xffu

/* clone3({flags=..., ...}, 88) as strace prints it: the flags are in the struct. */
static int struct_flags(struct call *c, const struct call_value *a, uint64_t *flags)
{
	const char *s = a->word, *end = s + a->len;
	static const char key[] = "flags=";

	for (; s + sizeof(key) - 1 < end; s++)
		if (!memcmp(s, key, sizeof(key) - 1)) {
			s += sizeof(key) - 1;
			size_t len = 0;

			while (s + len < end && s[len] != ',' && s[len] != '}')
				len++;
			return arg_words_parse(ARG_share, s, len,
				a->column + (uint32_t)(s - a->word), flags, &c->m->why);
		}
	return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
		"the struct of clone3 has flags=...");
}

int call_clone(struct call *c)
{
	return make_child(c, (unsigned)c->arg[0].number & ~CSIGNAL);
}

int call_clone3(struct call *c)
{
	uint64_t flags;
	int err = struct_flags(c, &c->arg[0], &flags);

	return err ? err : make_child(c, (unsigned)flags & ~CSIGNAL);
}

int call_spawn(struct call *c)
{
	struct task *t;
	int err = task_spawn(c->m, c->cpu, c->arg[0].word, c->arg[0].len, &t);

	return err ? refused_arg(c, err, 0) : answer_number(c, t->pid);
}

/* ---- execve ---- */

/* The strings of ["a", "b"] (or of nothing): one block of memory with the pointers in front. */
static const char **read_strings(const struct call_value *a)
{
	size_t len = a->word ? a->len : 0, most = 1;
	bool list = len && *a->word == '[';

	for (size_t i = 0; list && i < len; i++)
		most += a->word[i] == '"';
	const char **strings = calloc(1, (most + 1) * sizeof(*strings) + len + most + 1);
	if (!strings)
		return NULL;
	char *to = (char *)(strings + most + 1);
	unsigned n = 0;
	for (size_t i = 0; list && i < len; i++) {
		if (a->word[i] != '"')
			continue;
		size_t end = i + 1;

		while (end < len && a->word[end] != '"')
			end += 1 + (a->word[end] == '\\');
		size_t bytes = arg_string(a->word + i, (end < len ? end + 1 : len) - i, to, len);

		strings[n++] = to;
		to += bytes;
		*to++ = '\0';
		i = end;
	}
	return strings;
}

int call_execve(struct call *c)
{
	char path[PATH_MAX_BYTES];
	size_t len = arg_string(c->arg[0].word, c->arg[0].len, path, sizeof(path));
	struct program p;

	if (!len || len == sizeof(path))
		return refuse_at(&c->m->why, len ? ENAMETOOLONG : ENOENT, c->arg[0].column,
			(uint32_t)c->arg[0].len, "a program's name has 1 to 4095 bytes");
	const char **argv = read_strings(&c->arg[1]), **envp = read_strings(&c->arg[2]);
	int err = argv && envp ? 0
			       : refuse(&c->m->why, ENOMEM, "the host has no memory for the call");

	if (!err) {
		program_default(c->m, path, len, &p);
		p.argv = argv[0] ? argv : NULL;
		p.envp = envp[0] ? envp : NULL;
		err = task_exec(c->m, c->task, &p);
	}
	free(argv);
	free(envp);
	if (err)
		return refused_arg(c, err, 0);
	/* What the names stood for is gone with the old memory. */
	vars_finish(c->m, &c->task->vars);
	return answer_zero(c, 0);
}

/* ---- ending ---- */

/* The kernel would panic ("Attempted to kill init!"). */
static int refuse_init(struct call *c)
{
	return refuse(&c->m->why, EPERM, "process 1 does not exit: without it the kernel panics");
}

int call_exit(struct call *c)
{
	if (c->task->tgid == 1 && task_nr_threads(c->m, c->task) == 1)
		return refuse_init(c);
	task_exit(c->m, c->task, (int)(c->arg[0].number & 0xff) << 8);
	return 0;
}

int call_exit_group(struct call *c)
{
	if (c->task->tgid == 1)
		return refuse_init(c);
	task_exit_group(c->m, c->task, (int)(c->arg[0].number & 0xff) << 8);
	return 0;
}

int call_wait4(struct call *c)
{
	const int64_t wanted = (int64_t)c->arg[0].number;
	uint32_t pid = wanted > 0 ? (uint32_t)wanted : 0, reaped;
	int status, err;

	if (c->run->interrupted)
		return refuse(&c->m->why, EINTR, "interrupted by a signal");
	err = task_wait(c->m, c->task, pid, &reaped, &status);
	if (err == -EAGAIN && c->arg[2].number & 1)
		return answer_number(c, 0);
	if (err == -EAGAIN) {
		c->wait = true;
		refuse(&c->m->why, EAGAIN, "a child of process %u to exit", c->task->pid);
		return 0;
	}
	if (err)
		return refused_arg(c, err, 0);
	answer_number(c, reaped);
	if (status & 0x7f)
		text_printf(c->result, " signal=%d", status & 0x7f);
	else
		text_printf(c->result, " status=%d", status >> 8);
	return 0;
}

/* ---- limits ---- */

/* 8M, 8192*1024, unlimited, RLIM64_INFINITY */
static bool parse_limit(const char *s, size_t len, uint64_t *out)
{
	uint64_t product = 1, factor;

	*out = RLIM_INFINITY;
	if (parse_is(s, len, "RLIM_INFINITY") || parse_is(s, len, "RLIM64_INFINITY") ||
		parse_is(s, len, "unlimited"))
		return true;
	for (;;) {
		const char *times = memchr(s, '*', len);
		size_t n = times ? (size_t)(times - s) : len;

		if (!parse_size(s, n, &factor) || __builtin_mul_overflow(product, factor, &product))
			return false;
		*out = product;
		if (!times)
			return true;
		s += n + 1;
		len -= n + 1;
	}
}

/* {rlim_cur=SOFT, rlim_max=HARD}, SOFT:HARD, or both at once. */
static bool parse_limits(const char *s, size_t len, struct rlimit *r)
{
	static const char cur[] = "{rlim_cur=", max[] = "rlim_max=";
	const char *sep = memchr(s, *s == '{' ? ',' : ':', len);
	size_t first = sep ? (size_t)(sep - s) : len;

	if (*s != '{') {
		if (!sep)
			return parse_limit(s, len, &r->soft) && parse_limit(s, len, &r->hard);
		return parse_limit(s, first, &r->soft) &&
		       parse_limit(sep + 1, len - first - 1, &r->hard);
	}
	if (!sep || first < sizeof(cur) - 1 || memcmp(s, cur, sizeof(cur) - 1))
		return false;
	const char *hard = sep + 1, *end = s + len - (s[len - 1] == '}');
	while (hard < end && *hard == ' ')
		hard++;
	if ((size_t)(end - hard) < sizeof(max) - 1 || memcmp(hard, max, sizeof(max) - 1))
		return false;
	hard += sizeof(max) - 1;
	return parse_limit(s + sizeof(cur) - 1, first - (sizeof(cur) - 1), &r->soft) &&
	       parse_limit(hard, (size_t)(end - hard), &r->hard);
}

static void put_limit(struct text *out, const char *label, uint64_t value)
{
	if (value == RLIM_INFINITY)
		text_printf(out, " %s=unlimited", label);
	else
		text_printf(out, " %s=%llu", label, (unsigned long long)value);
}

static int set_limit(struct call *c, struct task *t, const struct call_value *resource,
	const struct call_value *new)
{
	struct rlimit r;
	uint32_t pid = 0;

	if (resource->number >= NR_RLIMITS)
		return refuse_at(&c->m->why, EINVAL, resource->column, (uint32_t)resource->len,
			"there are limits 0 to %d", NR_RLIMITS - 1);
	struct rlimit *old = &t->rlim[resource->number];
	struct rlimit before = *old;
	if (new->word && !parse_is(new->word, new->len, "NULL")) {
		if (!parse_limits(new->word, new->len, &r))
			return refuse_at(&c->m->why, EINVAL, new->column, (uint32_t) new->len,
				"a limit is written 8M, SOFT:HARD, unlimited, or "
				"{rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}");
		if (r.soft > r.hard)
			return refuse_at(&c->m->why, EINVAL, new->column, (uint32_t) new->len,
				"the soft limit is above the hard one");
		if (r.hard > old->hard && t->uid)
			return refuse_at(&c->m->why, EPERM, new->column, (uint32_t) new->len,
				"only root may raise a hard limit");
		/* Limits are the process's, so all threads have them. */
		for (struct task *other; (other = task_next(c->m, &pid)); pid++)
			if (other->tgid == t->tgid)
				other->rlim[resource->number] = r;
	}
	text_putc(c->result, '0');
	put_limit(c->result, "soft", before.soft);
	put_limit(c->result, "hard", before.hard);
	return 0;
}

int call_prlimit64(struct call *c)
{
	uint64_t pid = c->arg[0].number;
	struct task *t = pid ? task_find(c->m, (uint32_t)pid) : c->task;

	if (!t || pid > UINT32_MAX)
		return refuse_at(&c->m->why, ESRCH, c->arg[0].column, (uint32_t)c->arg[0].len,
			"there is no such process");
	return set_limit(c, t, &c->arg[1], &c->arg[2]);
}

int call_setrlimit(struct call *c)
{
	return set_limit(c, c->task, &c->arg[0], &c->arg[1]);
}

int call_getrlimit(struct call *c)
{
	static const struct call_value none;

	return set_limit(c, c->task, &c->arg[0], &none);
}

/* ---- the CPU ---- */

int call_switch_mm(struct call *c)
{
	uint64_t pid = c->arg[0].number;
	struct task *t = pid && pid <= UINT32_MAX ? task_find(c->m, (uint32_t)pid) : NULL;
	struct mm *mm = t ? task_mm(c->m, t) : NULL;

	if (pid && !mm)
		return refuse_at(&c->m->why, ESRCH, c->arg[0].column, (uint32_t)c->arg[0].len,
			t ? "the process has no memory" : "there is no such process");
	int err = switch_mm(c->m, c->cpu, mm);
	if (!err)
		c->m->processes.tasks.current_pid[c->cpu] = mm ? t->pid : 0;
	return err;
}
