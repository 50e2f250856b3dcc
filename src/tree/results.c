/* SPDX-License-Identifier: MIT
 *
 * The queue of result lines of one open ctl file.
 *
 *	line:	...read... | 0xc0100000\n | 0xc0104000\n | ...    whole lines, at most 1 MiB unread
 *	                   ^ at
 *	begun:	a line of which a reader took a part; it is never dropped
 *
 * When the queue is full the oldest lines go, and where they were the reader finds one "# N results
 * dropped".
 */
#include "tree/tree.h"

#include <assert.h>
#include <string.h>

#define RESULTS_MAX_BYTES ((size_t)1 << 20)

static void drop_oldest(struct results *r)
{
	const char *first = r->line.data + r->at;
	const char *end = memchr(first, '\n', r->line.len - r->at);

	assert(end);
	r->at += (size_t)(end - first) + 1;
	r->dropped++;
}

void results_put(struct results *r, const char *line, size_t len)
{
	while (r->line.len > r->at && r->line.len - r->at + len + 1 > RESULTS_MAX_BYTES)
		drop_oldest(r);
	if (r->at == r->line.len) {
		text_clear(&r->line);
		r->at = 0;
	} else if (r->at > RESULTS_MAX_BYTES) {
		memmove(r->line.data, r->line.data + r->at, r->line.len - r->at);
		r->line.len -= r->at;
		r->at = 0;
	}
	size_t before = r->line.len;
	text_put(&r->line, line, len);
	text_putc(&r->line, '\n');
	if (r->line.failed) {
		/* The host's memory ended: this result is lost, the queue stays whole lines. */
		r->line.failed = false;
		r->line.len = before;
		r->dropped++;
	}
}

static size_t take(struct text *t, size_t *at, char *buf, size_t len)
{
	size_t n = t->len - *at < len ? t->len - *at : len;

	if (n)
		memcpy(buf, t->data + *at, n);
	*at += n;
	return n;
}

static void begin_text(struct results *r, const char *data, size_t len)
{
	text_clear(&r->begun);
	r->begun_at = 0;
	text_put(&r->begun, data, len);
}

size_t results_read(struct results *r, char *buf, size_t len)
{
	size_t n = take(&r->begun, &r->begun_at, buf, len);

	if (n < len && r->dropped) {
		text_clear(&r->begun);
		r->begun_at = 0;
		text_printf(&r->begun, "# %llu results dropped\n", (unsigned long long)r->dropped);
		r->dropped = 0;
		n += take(&r->begun, &r->begun_at, buf + n, len - n);
	}
	if (n == len || r->at == r->line.len)
		return n;
	n += take(&r->line, &r->at, buf + n, len - n);
	if (r->line.data[r->at - 1] != '\n') {
		const char *rest = r->line.data + r->at;
		const char *end = memchr(rest, '\n', r->line.len - r->at);
		size_t rest_len = (size_t)(end - rest) + 1;

		begin_text(r, rest, rest_len);
		r->at += rest_len;
	}
	return n;
}

void results_finish(struct results *r)
{
	text_finish(&r->line);
	text_finish(&r->begun);
}
