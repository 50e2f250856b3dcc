/* SPDX-License-Identifier: MIT
 *
 * PID/oom_score, oom_score_adj and oom_adj: how soon the OOM killer would take a process (fs/proc/base.c of 6.1).
 *
 * The score is badness in thousandths of the machine's memory, moved up by 1000 and scaled by 2/3 so that it is not
 * negative. A write is one number: at most 12 bytes of it are looked at, blanks around it do not count, and hex and
 * octal are taken. Processes that share the address space share the adjustment.
 */
#include "view/files.h"
#include "view/task_view.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX	  12
#define OOM_ADJ_DISABLE	  (-17)
#define OOM_ADJ_MAX	  15
#define OOM_SCORE_ADJ_MAX 1000

int show_pid_oom_score(struct view *v, struct text *out)
{
	const struct task *t = view_task(v);
	int64_t points, total = (int64_t)v->m->totalram_pages;

	if (!t || !task_oom_badness(v->m, t, &points))
		text_puts(out, "0\n");
	else
		text_printf(out, "%lld\n", (long long)((1000 + points * 1000 / total) * 2 / 3));
	return 0;
}

int show_pid_oom_score_adj(struct view *v, struct text *out)
{
	const struct task *t = view_task(v);

	text_printf(out, "%d\n", t ? t->oom_score_adj : 0);
	return 0;
}

int show_pid_oom_adj(struct view *v, struct text *out)
{
	const struct task *t = view_task(v);
	int adj = t ? t->oom_score_adj : 0;

	text_printf(out, "%d\n",
		adj == OOM_SCORE_ADJ_MAX ? OOM_ADJ_MAX
					 : adj * -OOM_ADJ_DISABLE / OOM_SCORE_ADJ_MAX);
	return 0;
}

/* kstrtoint(strstrip()): one number with nothing behind it. */
bool parse_kernel_int(const char *data, size_t len, int base, long *out)
{
	char number[NUMBER_MAX + 1], *end;

	if (len > NUMBER_MAX)
		len = NUMBER_MAX;
	while (len && isspace((unsigned char)*data))
		data++, len--;
	while (len && isspace((unsigned char)data[len - 1]))
		len--;
	memcpy(number, data, len);
	number[len] = '\0';
	*out = strtol(number, &end, base);
	return len && !*end && end > number && (isdigit((unsigned char)end[-1]) || base != 10);
}

static int64_t set_adj(struct view *v, int adj)
{
	struct task *t = view_task(v);
	uint32_t pid = 0;

	if (!t)
		return refuse(&v->m->why, EACCES, "only a simulated process has a score");
	t->oom_score_adj = adj;
	for (struct task *other; (other = task_next(v->m, &pid)); pid++)
		if (other->tgid == t->tgid || (t->mm_at && other->mm_at == t->mm_at))
			other->oom_score_adj = adj;
	return 0;
}

int64_t store_pid_oom_score_adj(struct view *v, const char *data, size_t len)
{
	long adj;

	if (!parse_kernel_int(data, len, 0, &adj) || adj < -OOM_SCORE_ADJ_MAX ||
		adj > OOM_SCORE_ADJ_MAX)
		return refuse(&v->m->why, EINVAL,
			"write a number from -1000 (never kill it) to 1000 (kill it first)");
	int64_t err = set_adj(v, (int)adj);
	return err ? err : (int64_t)len;
}

int64_t store_pid_oom_adj(struct view *v, const char *data, size_t len)
{
	long adj;

	if (!parse_kernel_int(data, len, 0, &adj) ||
		((adj < -16 || adj > OOM_ADJ_MAX) && adj != OOM_ADJ_DISABLE))
		return refuse(&v->m->why, EINVAL,
			"write a number from -16 to 15, or -17 to spare it; oom_score_adj is "
			"finer");
	int score = adj == OOM_ADJ_MAX ? OOM_SCORE_ADJ_MAX
				       : (int)adj * OOM_SCORE_ADJ_MAX / -OOM_ADJ_DISABLE;
	int64_t err = set_adj(v, score);
	return err ? err : (int64_t)len;
}
