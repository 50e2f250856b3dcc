/* SPDX-License-Identifier: MIT
 *
 * What the session remembers of its writers, shown as it is: sim/errors has the latest refusals (session_error()
 * writes and trims them), sim/last the latest result of anyone, sim/waiting one line for each write that cannot go
 * on now, in the order in which they began to wait.
 */
#include "view/files.h"

int show_sim_errors(struct view *v, struct text *out)
{
	text_put(out, v->s->errors.data, v->s->errors.len);
	return 0;
}

int show_sim_last(struct view *v, struct text *out)
{
	text_put(out, v->s->last.data, v->s->last.len);
	return 0;
}

/* "sim/ctl pid=812 since=1.500000 for=its turn: kmap buf" */
int show_sim_waiting(struct view *v, struct text *out)
{
	for (const struct waiting *w = v->s->waiting; w; w = w->next) {
		text_printf(out, "%s pid=%u since=%llu.%06llu for=%s: ", w->path, w->pid,
			(unsigned long long)(w->since_ns / 1000000000),
			(unsigned long long)(w->since_ns / 1000 % 1000000), w->what);
		for (size_t i = 0; i < w->len && i < 120 && w->line[i] != '\n'; i++)
			text_putc(out, (unsigned char)w->line[i] < 0x20 ? '?' : w->line[i]);
		text_putc(out, '\n');
	}
	return 0;
}
