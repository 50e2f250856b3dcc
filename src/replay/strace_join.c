/* SPDX-License-Identifier: MIT
 *
 * The two halves of a call during which strace had to tell of another process.
 *
 *	21334 wait4(21335,  <unfinished ...>
 *	21335 exit_group(0) = ?
 *	21334 <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 21335
 *
 * The text of the first half is kept for its process, and when the second one comes both are put together and read
 * as one line. A process has one call at a time: a first half that is followed by another first half was cut off, and
 * goes.
 *
 * Left out: threads share no halves, so that nothing is to be done for them: strace gives each its own number.
 */
#include "replay/strace.h"

#include <stdlib.h>
#include <string.h>

struct strace_half {
	uint32_t pid;
	bool has_time, relative;
	uint64_t time_ns;
	char *text;
	size_t len;
};

static struct strace_half *find_half(struct strace_joiner *j, uint32_t pid)
{
	for (unsigned i = 0; i < j->nr; i++)
		if (j->halves[i].pid == pid)
			return &j->halves[i];
	return NULL;
}

/* Behind the kept text: so it is a line of its own, too. */
static const char mark[] = " <unfinished ...>";

static enum strace_join hold(struct strace_joiner *j, const struct strace_line *line)
{
	struct strace_half *half = find_half(j, line->pid);
	char *text = malloc(line->rest.len + sizeof(mark));

	if (!half && j->nr == j->cap && j->cap < STRACE_MAX_HALVES) {
		unsigned cap = j->cap ? j->cap * 2 : 16;
		struct strace_half *more = realloc(j->halves, cap * sizeof(*more));

		if (more) {
			j->halves = more;
			j->cap = cap;
		}
	}
	if (!text || (!half && j->nr == j->cap)) {
		free(text);
		return STRACE_JOIN_LOST;
	}
	if (half)
		free(half->text);
	else
		half = &j->halves[j->nr++];
	memcpy(text, line->rest.s, line->rest.len);
	memcpy(text + line->rest.len, mark, sizeof(mark));
	*half = (struct strace_half){.pid = line->pid,
		.has_time = line->has_time,
		.relative = line->relative,
		.time_ns = line->time_ns,
		.text = text,
		.len = line->rest.len};
	return STRACE_JOIN_HELD;
}

static bool same_name(const struct strace_half *half, struct span name)
{
	return half->len > name.len && !memcmp(half->text, name.s, name.len) &&
	       half->text[name.len] == '(';
}

static enum strace_join join(struct strace_joiner *j, struct strace_line *line)
{
	struct strace_half *half = find_half(j, line->pid);

	if (!half || !same_name(half, line->name))
		return STRACE_JOIN_LOST;
	size_t len = half->len + line->rest.len;
	if (len > j->joined_cap) {
		char *more = realloc(j->joined, len);

		if (!more)
			return STRACE_JOIN_LOST;
		j->joined = more;
		j->joined_cap = len;
	}
	memcpy(j->joined, half->text, half->len);
	memcpy(j->joined + half->len, line->rest.s, line->rest.len);
	struct strace_half first = *half;
	*half = j->halves[--j->nr];
	free(first.text);
	strace_parse(j->joined, len, line);
	line->pid = first.pid;
	line->has_time = first.has_time;
	line->relative = first.relative;
	line->time_ns = first.time_ns;
	return STRACE_JOIN_JOINED;
}

enum strace_join strace_join(struct strace_joiner *j, struct strace_line *line)
{
	if (line->kind == STRACE_UNFINISHED)
		return hold(j, line);
	if (line->kind == STRACE_RESUMED)
		return join(j, line);
	return STRACE_JOIN_WHOLE;
}

bool strace_waiting(const struct strace_joiner *j, const char *name, struct strace_line *out)
{
	struct span span = {name, strlen(name)};

	for (unsigned i = 0; i < j->nr; i++) {
		const struct strace_half *half = &j->halves[i];

		if (!same_name(half, span))
			continue;
		strace_parse(half->text, half->len + sizeof(mark) - 1, out);
		out->pid = half->pid;
		return true;
	}
	return false;
}

void strace_joiner_finish(struct strace_joiner *j)
{
	for (unsigned i = 0; i < j->nr; i++)
		free(j->halves[i].text);
	free(j->halves);
	free(j->joined);
	memset(j, 0, sizeof(*j));
}
