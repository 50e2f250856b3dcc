/* SPDX-License-Identifier: MIT
 *
 * A session: one machine being looked at, and the memory of what was refused (sim/errors) and
 * answered (sim/last).
 *
 * An entry of sim/errors is what a compiler would print:
 *
 *	sim/ctl:3:19: EINVAL: GFP_KERNAL is no GFP flag: the nearest is GFP_KERNEL
 *	    buf = alloc_pages GFP_KERNAL 3
 *	                      ^^^^^^^^^^
 *
 * The file holds the latest ERRORS_MAX bytes of whole entries; bytes that a terminal would obey are
 * shown as `?`.
 */
#include "view/view.h"

#include "view/call.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_LINE_MAX 240

/* Entries begin at a line that does not begin with a blank. */
static void drop_oldest_entries(struct text *t, size_t keep)
{
	if (t->len <= keep)
		return;
	size_t at = t->len - keep;
	while (at < t->len && !(t->data[at - 1] == '\n' && t->data[at] != ' '))
		at++;
	memmove(t->data, t->data + at, t->len - at);
	t->len -= at;
}

static void put_line(struct text *out, const char *line, size_t len)
{
	text_puts(out, "    ");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		text_putc(out, c == '\t' ? ' ' : c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
	text_putc(out, '\n');
}

/* Columns count bytes; a terminal counts characters. */
static size_t characters(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* The line (or, of a long one, the part around @column) with a caret under its offending word. */
static void put_excerpt(
	struct text *out, const char *line, size_t len, uint32_t column, uint32_t span)
{
	size_t from = 0;
	size_t at = column ? column - 1 : 0;

	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (!len)
		return;
	if (at > SHOWN_LINE_MAX / 2)
		from = at - SHOWN_LINE_MAX / 2;
	if (from > len)
		from = len;
	size_t shown = len - from < SHOWN_LINE_MAX ? len - from : SHOWN_LINE_MAX;
	put_line(out, line + from, shown);
	if (!column || at > len)
		return;
	size_t span_len = at + span > from + shown ? from + shown - at : span;
	text_fill(out, ' ', 4 + characters(line + from, at - from));
	text_fill(out, '^', span_len ? characters(line + at, span_len) : 1);
	text_putc(out, '\n');
}

void session_error(struct session *s, const char *path, uint64_t line_number, const char *line,
	size_t len, const struct refusal *why)
{
	struct text *t = &s->errors;

	text_puts(t, path);
	if (line_number)
		text_printf(t, ":%llu", (unsigned long long)line_number);
	if (why->column)
		text_printf(t, ":%u", why->column);
	text_printf(t, ": %s: %s\n", errno_name(why->err), why->sentence);
	put_excerpt(t, line, len, why->column, why->span);
	if (t->failed)
		text_clear(t);
	drop_oldest_entries(t, ERRORS_MAX);
}

void session_wait(struct session *s, struct waiting *w)
{
	struct waiting **at = &s->waiting;

	if (w->next || w->prev || s->waiting == w)
		return;
	w->since_ns = s->m->clock.now_ns;
	w->pid = s->caller.pid;
	while (*at) {
		w->prev = *at;
		at = &(*at)->next;
	}
	*at = w;
}

void session_wait_end(struct session *s, struct waiting *w)
{
	if (!(w->next || w->prev || s->waiting == w))
		return;
	if (w->prev)
		w->prev->next = w->next;
	else
		s->waiting = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->next = w->prev = NULL;
}

bool session_settle(struct session *s)
{
	clock_run(s->m, session_slice(s, SESSION_TASK_STEPS));
	return clock_due(s->m);
}

int session_init(struct session *s, const struct machine_desc *desc, struct refusal *why)
{
	memset(s, 0, sizeof(*s));
	int err = call_index_create(&s->calls);
	if (err)
		return refuse(why, ENOMEM, "the host has no memory for the index of calls");
	s->desc = *desc;
	err = describe_finish(&s->desc, why);
	if (!err)
		err = machine_create(&s->desc, &s->m, why);
	if (err)
		call_index_destroy(s->calls);
	s->boots = 1;
	return err;
}

void session_finish(struct session *s)
{
	if (s->replay_free)
		s->replay_free(s);
	if (s->access_free)
		s->access_free(s);
	machine_destroy(s->m);
	call_index_destroy(s->calls);
	text_finish(&s->errors);
	text_finish(&s->last);
}

int session_reboot(struct session *s, const struct machine_desc *desc, struct refusal *why)
{
	struct machine *fresh;
	struct machine_desc *finished = malloc(sizeof(*finished));
	struct refusal kept;

	if (!finished)
		return refuse(why, ENOMEM, "the host has no memory for another machine");
	/* @why may be the present machine's own. */
	refusal_clear(&kept);
	*finished = *desc;
	int err = describe_finish(finished, &kept);
	if (!err)
		err = machine_create(finished, &fresh, &kept);
	if (err) {
		*why = kept;
		free(finished);
		return err;
	}
	s->desc = *finished;
	free(finished);
	machine_destroy(s->m);
	s->m = fresh;
	s->boots++;
	return 0;
}
