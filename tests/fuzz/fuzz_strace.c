/* SPDX-License-Identifier: MIT
 *
 * Any bytes as strace's text: pieces lie within what was given, and halves are joined into lines that parse as calls.
 */
#include "fuzz.h"

#include "replay/strace.h"

#include <assert.h>
#include <string.h>

static void check_span(struct span a, const char *s, size_t len)
{
	assert(!a.len || (a.s >= s && a.s + a.len <= s + len));
}

static void check_line(struct strace_joiner *j, const char *s, size_t len)
{
	struct strace_line l;
	struct span text;
	uint64_t number;

	strace_parse(s, len, &l);
	assert(l.nr_args <= STRACE_MAX_ARGS);
	assert((l.kind == STRACE_MALFORMED) == (l.why != NULL));
	check_span(l.name, s, len);
	check_span(l.rest, s, len);
	check_span(l.error, s, len);
	for (unsigned i = 0; i < l.nr_args; i++) {
		check_span(l.arg[i], s, len);
		(void)strace_number(l.arg[i], &number);
		if (strace_string(l.arg[i], &text))
			check_span(text, s, len);
		if (strace_field(l.arg[i], "st_size", &text))
			check_span(text, s, len);
	}
	enum strace_join how = strace_join(j, &l);
	assert(how != STRACE_JOIN_JOINED || l.kind == STRACE_CALL || l.kind == STRACE_MALFORMED ||
		l.kind == STRACE_UNFINISHED);
	(void)strace_is_line(s, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	struct strace_joiner j = {0};

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;

		check_line(&j, p, (size_t)(stop - p));
		p = stop + 1;
	}
	strace_joiner_finish(&j);
	return 0;
}
