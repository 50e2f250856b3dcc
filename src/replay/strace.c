/* SPDX-License-Identifier: MIT
 *
 * The parser of strace's text.
 *
 *	25852 1795334948.132779 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000
 *	[pid 25852] brk(NULL)       = 0x55555557a000 <0.000012>
 *	21334 1795330334.853830 vfork( <unfinished ...>
 *	21334 1795330334.854097 <... vfork resumed>) = 21335
 *	21335 +++ exited with 0 +++
 *	`----- head ----------' `name' `----- arguments ------------------------------' `--- result ---'
 *
 * In steps:
 *  1. The head: "PID " or "[pid PID] ", the time of -t, -tt, -ttt or -r, the address of -i. Each may be missing.
 *  2. What stands behind it tells the kind: "<... ", "--- ", "+++ ", or a call's name with "(" at once behind it.
 *  3. Arguments are cut at commas that are in no string, bracket, brace, parenthesis or comment.
 *  4. Behind the matching ")" comes "= " and the result.
 * The second half of a call continues the first one's arguments, so both are put together as text and read again.
 *
 * A line is malformed when its call does not end, when it has no result, or when nothing of this fits.
 *
 * Left out: -x and -xx only change strings, which nobody here reads; the columns of -c; output of -ff in many files
 * (each is a recording of one process, without pids).
 */
#include "replay/strace.h"

#include "replay/cursor.h"

#include <string.h>

static bool is_name(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool malformed(struct strace_line *l, const char *why)
{
	l->kind = STRACE_MALFORMED;
	l->why = why;
	return false;
}

/* ---- the head ---- */

/* The digits behind a point as nanoseconds. */
static uint64_t fraction_ns(struct cursor *c)
{
	uint64_t ns = 0, unit = 100000000;

	for (; c->p < c->end && is_digit(*c->p); c->p++, unit /= 10)
		ns += (unsigned)(*c->p - '0') * unit;
	return ns;
}

/* "12:34:56[.789]" */
static bool time_of_day(struct cursor *c, struct strace_line *l)
{
	struct cursor at = *c;
	uint64_t part[3];

	for (unsigned i = 0; i < 3; i++)
		if ((i && !EAT(&at, ":")) || !decimal(&at, &part[i]) || part[i] > 60)
			return false;
	uint64_t ns = EAT(&at, ".") ? fraction_ns(&at) : 0;
	if (at.p == at.end || !is_blank(*at.p))
		return false;
	l->has_time = true;
	l->time_ns = ((part[0] * 60 + part[1]) * 60 + part[2]) * 1000000000 + ns;
	*c = at;
	return true;
}

/* "1795334948.132281", or "0.000123" of -r, or whole seconds of -ttt in old versions. */
static bool time_in_seconds(struct cursor *c, struct strace_line *l)
{
	struct cursor at = *c;
	uint64_t seconds;

	if (!decimal(&at, &seconds) || seconds > UINT32_MAX || !EAT(&at, "."))
		return false;
	uint64_t ns = fraction_ns(&at);
	if (at.p == at.end || !is_blank(*at.p))
		return false;
	l->has_time = true;
	/* Nobody waits years between two lines, and no clock begins before 2001. */
	l->relative = seconds < 1000000000;
	l->time_ns = seconds * 1000000000 + ns;
	*c = at;
	return true;
}

static void head(struct cursor *c, struct strace_line *l)
{
	struct cursor at = *c;
	uint64_t pid;

	if (EAT(&at, "[pid ")) {
		skip_blanks(&at);
		if (decimal(&at, &pid) && pid <= UINT32_MAX && EAT(&at, "]")) {
			l->pid = (uint32_t)pid;
			*c = at;
		}
	} else if (decimal(&at, &pid) && pid <= UINT32_MAX && at.p < at.end && is_blank(*at.p)) {
		l->pid = (uint32_t)pid;
		*c = at;
	}
	skip_blanks(c);
	if (time_of_day(c, l) || time_in_seconds(c, l))
		skip_blanks(c);
	/* -i: "[00007ffff7fd1234] " */
	at = *c;
	if (EAT(&at, "[")) {
		while (at.p < at.end && memchr("0123456789abcdef?", *at.p, 17))
			at.p++;
		if (EAT(&at, "]")) {
			*c = at;
			skip_blanks(c);
		}
	}
}

/* ---- arguments ---- */

/* Skip the string whose quote is next, with the dots of one that strace cut short. */
static bool skip_string(struct cursor *c)
{
	for (c->p++; c->p < c->end && *c->p != '"'; c->p++)
		if (*c->p == '\\' && c->p + 1 < c->end)
			c->p++;
	if (c->p == c->end)
		return false;
	c->p++;
	return true;
}

static void put_arg(struct strace_line *l, const char *from, const char *to)
{
	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	if (l->nr_args < STRACE_MAX_ARGS)
		l->arg[l->nr_args++] = (struct span){from, (size_t)(to - from)};
}

static bool skip_comment(struct cursor *c)
{
	const char *stop = memmem(c->p, (size_t)(c->end - c->p), "*/", 2);

	if (!stop)
		return false;
	c->p = stop + 2;
	return true;
}

/* From behind "(" to behind the matching ")". False when the line ends before it. */
static bool arguments(struct cursor *c, struct strace_line *l)
{
	const char *from = c->p;
	unsigned depth = 0;

	while (c->p < c->end) {
		char ch = *c->p;

		if (ch == '"') {
			if (!skip_string(c))
				return false;
			continue;
		}
		if (ch == '/' && c->p + 1 < c->end && c->p[1] == '*') {
			if (!skip_comment(c))
				return false;
			continue;
		}
		if (ch == '(' || ch == '[' || ch == '{') {
			depth++;
		} else if (ch == ']' || ch == '}' || ch == ')') {
			if (!depth && ch != ')')
				return false;
			if (!depth) {
				if (l->nr_args || memchr(from, ' ', (size_t)(c->p - from)) ||
					c->p > from)
					put_arg(l, from, c->p);
				c->p++;
				return true;
			}
			depth--;
		} else if (ch == ',' && !depth) {
			put_arg(l, from, c->p);
			from = c->p + 1;
		}
		c->p++;
	}
	return false;
}

/* ---- results ---- */

static bool result(struct cursor *c, struct strace_line *l)
{
	skip_blanks(c);
	if (!EAT(c, "=") || c->p == c->end || !is_blank(*c->p))
		return malformed(l, "the call has no whole result");
	skip_blanks(c);
	const char *from = c->p;
	while (c->p < c->end && !is_blank(*c->p))
		c->p++;
	struct span word = {from, (size_t)(c->p - from)};
	skip_blanks(c);
	const char *name = c->p;
	while (c->p < c->end && is_name(*c->p))
		c->p++;
	if (word.len == 1 && *word.s == '?') {
		l->result = STRACE_UNKNOWN;
		return true;
	}
	if (!strace_number(word, &l->value))
		return malformed(l, "the call has no whole result");
	if (l->value == UINT64_MAX && c->p - name > 1 && *name == 'E') {
		l->result = STRACE_ERROR;
		l->error = (struct span){name, (size_t)(c->p - name)};
	}
	return true;
}

static bool ends_unfinished(const struct cursor *c, const char **at)
{
	static const char mark[] = "<unfinished ...>";
	size_t len = (size_t)(c->end - c->p);

	if (len < sizeof(mark) - 1 ||
		memcmp(c->end - (sizeof(mark) - 1), mark, sizeof(mark) - 1) != 0)
		return false;
	*at = c->end - (sizeof(mark) - 1);
	while (*at > c->p && is_blank((*at)[-1]))
		(*at)--;
	return true;
}

/* ---- kinds ---- */

static void call(struct cursor *c, struct strace_line *l)
{
	const char *from = c->p, *stop;

	while (c->p < c->end && is_name(*c->p))
		c->p++;
	l->name = (struct span){from, (size_t)(c->p - from)};
	if (!l->name.len || !EAT(c, "(")) {
		malformed(l, "neither a call nor a signal nor an exit");
		return;
	}
	l->kind = STRACE_CALL;
	if (ends_unfinished(c, &stop)) {
		l->kind = STRACE_UNFINISHED;
		l->rest = (struct span){from, (size_t)(stop - from)};
		/* What is known of the arguments already: the last may be half of one. */
		struct strace_line whole = *l;
		struct cursor known = {c->p, stop};
		if (!arguments(&known, &whole))
			for (unsigned i = 0; i < whole.nr_args; i++)
				l->arg[l->nr_args++] = whole.arg[i];
		return;
	}
	if (!arguments(c, l)) {
		malformed(l, "the line ends within the call");
		return;
	}
	result(c, l);
}

static void resumed(struct cursor *c, struct strace_line *l)
{
	const char *from = c->p;

	while (c->p < c->end && is_name(*c->p))
		c->p++;
	l->name = (struct span){from, (size_t)(c->p - from)};
	if (!l->name.len || !EAT(c, " resumed>")) {
		malformed(l, "the line ends within \"<... NAME resumed>\"");
		return;
	}
	l->rest = (struct span){c->p, (size_t)(c->end - c->p)};
	l->kind = STRACE_RESUMED;
}

static void signal_name(struct cursor *c, struct strace_line *l, enum strace_kind kind)
{
	const char *from = c->p;

	while (c->p < c->end && (is_name(*c->p) || *c->p == '+'))
		c->p++;
	l->name = (struct span){from, (size_t)(c->p - from)};
	l->kind = kind;
}

static bool ends_with(const struct cursor *c, const char *mark)
{
	return c->end - c->p >= 3 && !memcmp(c->end - 3, mark, 3);
}

static void end_of_process(struct cursor *c, struct strace_line *l)
{
	uint64_t status;

	if (!ends_with(c, "+++")) {
		malformed(l, "the line ends within \"+++ ... +++\"");
	} else if (EAT(c, "exited with ") && decimal(c, &status) && status <= 255) {
		l->status = (uint32_t)status;
		l->kind = STRACE_EXITED;
	} else if (EAT(c, "killed by ")) {
		signal_name(c, l, STRACE_KILLED);
	} else {
		/* "superseded by execve in pid N": that process goes on under this one's number. */
		l->kind = STRACE_COMMENT;
	}
}

static bool is_note(const struct cursor *line)
{
	struct cursor c = *line;

	return c.p == c.end || *c.p == '#' || EAT(&c, "strace: ") || EAT(&c, "Process ");
}

/* Everything behind the head, when it has the shape of strace's. */
static bool looks_right(const struct cursor *line)
{
	struct cursor c = *line;

	if (EAT(&c, "<... ") || EAT(&c, "--- SIG") || EAT(&c, "--- stopped") || EAT(&c, "+++ "))
		return true;
	while (c.p < c.end && is_name(*c.p))
		c.p++;
	return c.p > line->p && c.p < c.end && *c.p == '(' && !is_digit(*line->p);
}

static struct cursor trimmed(const char *s, size_t len)
{
	struct cursor c = {s, s + len};

	while (c.end > c.p && (c.end[-1] == '\r' || is_blank(c.end[-1])))
		c.end--;
	skip_blanks(&c);
	return c;
}

bool strace_is_line(const char *s, size_t len)
{
	struct cursor c = trimmed(s, len);
	struct strace_line l = {0};

	head(&c, &l);
	return looks_right(&c) || (c.p < c.end && (*c.p == 's' || *c.p == 'P') && is_note(&c));
}

bool strace_has_marks(const char *s, size_t len)
{
	struct cursor c = trimmed(s, len);
	const char *from = c.p, *stop;
	struct strace_line l = {0};

	head(&c, &l);
	if (!looks_right(&c))
		return c.p < c.end && (*c.p == 's' || *c.p == 'P') && is_note(&c);
	return c.p > from || ends_unfinished(&c, &stop) || *c.p == '<' || *c.p == '-' ||
	       *c.p == '+';
}

void strace_parse(const char *s, size_t len, struct strace_line *out)
{
	struct cursor c = trimmed(s, len);

	memset(out, 0, sizeof(*out));
	head(&c, out);
	if (is_note(&c)) {
		out->kind = STRACE_COMMENT;
	} else if (EAT(&c, "<... ")) {
		resumed(&c, out);
	} else if (EAT(&c, "--- ")) {
		if (!ends_with(&c, "---"))
			malformed(out, "the line ends within \"--- ... ---\"");
		else
			signal_name(&c, out, STRACE_SIGNAL);
	} else if (EAT(&c, "+++ ")) {
		end_of_process(&c, out);
	} else {
		call(&c, out);
	}
}

/* ---- values ---- */

bool strace_string(struct span a, struct span *text)
{
	struct cursor c = {a.s, a.s + a.len};

	if (c.p == c.end || *c.p != '"' || !skip_string(&c))
		return false;
	*text = (struct span){a.s + 1, (size_t)(c.p - a.s) - 2};
	return true;
}

static bool octal(struct cursor *c, uint64_t *out)
{
	uint64_t value = 0;

	for (; c->p < c->end && *c->p >= '0' && *c->p <= '7'; c->p++) {
		if (value >> 61)
			return false;
		value = value << 3 | (unsigned)(*c->p - '0');
	}
	*out = value;
	return true;
}

bool strace_number(struct span a, uint64_t *out)
{
	struct cursor c = {a.s, a.s + a.len};
	bool minus = false, ok;

	if (EAT(&c, "NULL")) {
		*out = 0;
		return c.p == c.end;
	}
	if (c.p < c.end && *c.p == '-') {
		minus = true;
		c.p++;
	}
	if (EAT(&c, "0x"))
		ok = hex(&c, out);
	else if (c.p + 1 < c.end && *c.p == '0' && is_digit(c.p[1]))
		ok = octal(&c, out);
	else
		ok = decimal(&c, out);
	if (minus)
		*out = 0 - *out;
	if (c.p < c.end && *c.p == '<' && c.end[-1] == '>')
		return ok;
	skip_blanks(&c);
	return ok && (c.p == c.end || EAT(&c, "/*"));
}

bool strace_field(struct span a, const char *key, struct span *value)
{
	size_t key_len = strlen(key);
	struct cursor c = {a.s, a.s + a.len};

	if (!EAT(&c, "{"))
		return false;
	while (c.p < c.end) {
		struct strace_line part = {0};
		struct cursor field = c;
		const char *stop = c.p;
		unsigned depth = 0;

		for (; stop < c.end && (depth || (*stop != ',' && *stop != '}')); stop++)
			depth += (*stop == '{' || *stop == '[' || *stop == '(') -
				 (depth && (*stop == '}' || *stop == ']' || *stop == ')'));
		put_arg(&part, c.p, stop);
		field = (struct cursor){part.arg[0].s, part.arg[0].s + part.arg[0].len};
		if (eat(&field, key, key_len) && EAT(&field, "=")) {
			*value = (struct span){field.p, (size_t)(field.end - field.p)};
			return true;
		}
		c.p = stop < c.end ? stop + 1 : c.end;
	}
	return false;
}

static const struct strace_word *find_word(
	const struct strace_word *words, const char *s, size_t len)
{
	for (; words->name; words++)
		if (strlen(words->name) == len && !memcmp(words->name, s, len))
			return words;
	return NULL;
}

bool strace_flags(struct span a, const struct strace_word *words, uint64_t *out)
{
	struct cursor c = {a.s, a.s + a.len};

	*out = 0;
	while (c.p < c.end) {
		const char *stop = memchr(c.p, '|', (size_t)(c.end - c.p));
		size_t len = (size_t)((stop ? stop : c.end) - c.p);
		const struct strace_word *word = find_word(words, c.p, len);
		uint64_t number;

		if (word)
			*out |= word->value;
		else if (strace_number((struct span){c.p, len}, &number))
			*out |= number;
		else
			return false;
		c.p += len + (stop != NULL);
	}
	return a.len > 0;
}
