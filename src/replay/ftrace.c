/* SPDX-License-Identifier: MIT
 *
 * The parser of ftrace's text: event lines of the kmem page events, of contiguous memory areas and of page faults among
 * whatever else a recording has.
 *
 *	     cat-26788   (  26788) [001] d..3.  3142.310565: mm_page_free: page=00000000cc94282e pfn=0x362458 order=0
 *	     cat 26788 [001]  3142.310565: kmem:mm_page_free: page=0xffffea000d891600 pfn=3548248 order=0
 *	`---------- head ---------------------------------' `-- event ---' `------------ fields ---------------'
 *
 * The heads differ (trace, trace_pipe, trace-cmd report, perf script; with or without thread group, flags, the
 * event's system), the event's own text does not. In steps:
 *  1. Find "[CPU]", at most two words of flags and "TIME:"; a task's name may itself hold brackets, so the first
 *     '[' that is followed by all of this counts.
 *  2. Without such a head, look for the event's name: perf script can leave the CPU out, ftrace the whole head
 *     (nocontext-info), and its latency-format puts both in other words.
 *  3. The event's name decides the fields to read. They come in the order in which every kernel from 3.3 to 6.18
 *     prints them; further fields at the end are let be. A pfn is hex with 0x, or decimal as before 5.14.
 *
 * What is recognised and not ours is foreign; what is not recognised is malformed, a torn line for instance. A
 * line is read once from left to right with memchr and by hand, for a gigabyte of them has to go through here.
 *
 * Left out: binary recordings (trace.dat, perf.data), which their tools turn into this text.
 * Formats: include/trace/events/{kmem,cma}.h, kernel/trace/trace_output.c.
 */
#include "replay/ftrace.h"

#include "replay/cursor.h"

#include <string.h>

static bool at_field_end(const struct cursor *c)
{
	return c->p == c->end || is_blank(*c->p);
}

/* "SECONDS.FRACTION:" (seconds), or "COUNT:" of a clock that counts something else. */
static bool timestamp(struct cursor *c, struct ftrace_line *l)
{
	uint64_t seconds, ns = 0;

	if (!decimal(c, &seconds))
		return false;
	if (c->p < c->end && *c->p == '.') {
		uint64_t unit = 100000000;
		const char *from = ++c->p;

		for (; c->p < c->end && is_digit(*c->p); c->p++, unit /= 10)
			ns += (unsigned)(*c->p - '0') * unit;
		if (c->p == from || c->p - from > 9 || seconds > UINT32_MAX)
			return false;
		l->has_time = true;
		l->time_ns = seconds * 1000000000 + ns;
	}
	return EAT(c, ":");
}

/* After "[": "CPU] [flags] [flags] TIME: ". */
static bool head_after_bracket(struct cursor *c, struct ftrace_line *l)
{
	uint64_t cpu;

	if (!decimal(c, &cpu) || cpu > UINT32_MAX || !EAT(c, "]"))
		return false;
	for (unsigned words = 0; words < 3; words++) {
		struct cursor word;

		skip_blanks(c);
		word = *c;
		l->has_time = false;
		if (timestamp(&word, l) && at_field_end(&word)) {
			*c = word;
			l->cpu = (uint32_t)cpu;
			return true;
		}
		while (c->p < c->end && !is_blank(*c->p))
			c->p++;
	}
	l->has_time = false;
	return false;
}

/* "TASK-PID   (TGID) " of ftrace and trace-cmd, "TASK PID[/TID] " of perf script: what stands before "[CPU]". */
static void task_and_pid(const char *line, const char *stop, struct ftrace_line *l)
{
	while (stop > line && is_blank(stop[-1]))
		stop--;
	if (stop > line && stop[-1] == ')') {
		while (stop > line && *stop != '(')
			stop--;
		while (stop > line && is_blank(stop[-1]))
			stop--;
	}
	const char *digits = stop;
	while (digits > line && is_digit(digits[-1]))
		digits--;
	struct cursor number = {digits, stop};
	uint64_t pid;
	if (digits == line || !decimal(&number, &pid) || pid > UINT32_MAX)
		return;
	l->pid = (uint32_t)pid;
	stop = digits - 1;
	if (*stop == '/')
		while (stop > line && !is_blank(*stop))
			stop--;
	while (line < stop && is_blank(*line))
		line++;
	while (stop > line && is_blank(stop[-1]))
		stop--;
	l->comm = line;
	l->comm_len = (size_t)(stop - line);
}

static bool find_head(struct cursor *c, struct ftrace_line *l)
{
	const char *line = c->p;
	struct cursor at = *c;

	while ((at.p = memchr(at.p, '[', (size_t)(at.end - at.p))) != NULL) {
		struct cursor try = {at.p + 1, at.end};

		if (head_after_bracket(&try, l)) {
			task_and_pid(line, at.p, l);
			*c = try;
			return true;
		}
		at.p++;
	}
	return false;
}

static void malformed(struct ftrace_line *l, const char *why)
{
	l->kind = FTRACE_MALFORMED;
	l->why = why;
}

/* "page=%p pfn=..." The pointer is told by no two tools alike, and of a page that is none it is (null), (nil), or
 * zeroes, in old kernels with blanks before it. */
static bool page_and_pfn(struct cursor *c, struct ftrace_line *l)
{
	bool null = true;

	skip_blanks(c);
	if (EAT(c, "page=")) {
		skip_blanks(c);
		for (; c->p < c->end && !is_blank(*c->p); c->p++)
			null &= memchr("0x(nil)u", *c->p, 8) != NULL;
		skip_blanks(c);
	}
	if (!EAT(c, "pfn=") || !number(c, &l->pfn) || !at_field_end(c)) {
		malformed(l, "the event has no whole pfn=");
		return false;
	}
	l->no_page = null && !l->pfn;
	/* Physical addresses have at most 52 bits on every machine so far. */
	if (l->pfn >> 52) {
		malformed(l, "the pfn is too large for any machine");
		return false;
	}
	return true;
}

static bool order(struct cursor *c, struct ftrace_line *l)
{
	uint64_t value;

	skip_blanks(c);
	if (!EAT(c, "order=") || !number(c, &value) || !at_field_end(c)) {
		malformed(l, "the event has no whole order=");
		return false;
	}
	if (value > FTRACE_MAX_ORDER) {
		malformed(l, "the order is too large for any kernel");
		return false;
	}
	if (l->pfn & (((uint64_t)1 << value) - 1)) {
		malformed(l, "the pfn is not aligned to the order");
		return false;
	}
	l->order = (unsigned)value;
	return true;
}

static void alloc_fields(struct cursor *c, struct ftrace_line *l)
{
	uint64_t value;

	if (!page_and_pfn(c, l) || !order(c, l))
		return;
	skip_blanks(c);
	if (!EAT(c, "migratetype=") || !number(c, &value) || !at_field_end(c) || value > 15) {
		malformed(l, "the event has no whole migratetype=");
		return;
	}
	l->migratetype = (int)value;
	skip_blanks(c);
	if (!EAT(c, "gfp_flags=") || at_field_end(c)) {
		malformed(l, "the event has no gfp_flags=");
		return;
	}
	l->gfp = c->p;
	while (c->p < c->end && !is_blank(*c->p))
		c->p++;
	l->gfp_len = (size_t)(c->p - l->gfp);
	l->kind = FTRACE_ALLOC;
}

static void free_fields(struct cursor *c, struct ftrace_line *l, enum ftrace_kind kind)
{
	if (!page_and_pfn(c, l))
		return;
	/* A free of no page is no act of any kernel: the allocator's line was cut and patched. */
	if (l->no_page) {
		malformed(l, "the free names no page");
		return;
	}
	if (order(c, l))
		l->kind = kind;
}

/* ---- fields by name ---- */

/* Find "KEY=" as the beginning of a word. */
static bool find_field(const struct cursor *c, const char *key, struct cursor *value)
{
	size_t len = strlen(key);
	struct cursor at = *c;

	while ((at.p = memmem(at.p, (size_t)(at.end - at.p), key, len)) != NULL) {
		if (at.p == c->p || is_blank(at.p[-1])) {
			at.p += len;
			*value = at;
			return true;
		}
		at.p++;
	}
	return false;
}

static bool number_field(const struct cursor *c, const char *key, uint64_t *out)
{
	struct cursor value;

	return find_field(c, key, &value) && number(&value, out) && at_field_end(&value);
}

/* ---- contiguous memory areas ---- */

/* Since 5.14 with 0x, before that bare hex. */
static bool cma_pfn(const struct cursor *c, struct ftrace_line *l)
{
	struct cursor value;

	if (!find_field(c, "pfn=", &value))
		return false;
	(void)EAT(&value, "0x");
	return hex(&value, &l->pfn) && at_field_end(&value);
}

/* An allocation that failed has no page: (null), zeroes; since 5.19 it has an error, too. */
static bool cma_failed(const struct cursor *c)
{
	struct cursor value;
	bool null = true;

	if (find_field(c, "errorno=", &value))
		return STARTS(&value, "-");
	if (!find_field(c, "page=", &value))
		return false;
	for (; value.p < value.end && !is_blank(*value.p); value.p++)
		null &= memchr("0x(nil)u", *value.p, 8) != NULL;
	return null;
}

static void cma_fields(struct cursor *c, struct ftrace_line *l, enum ftrace_kind kind)
{
	struct cursor value;
	uint64_t align = 0;

	skip_blanks(c);
	if (find_field(c, "name=", &value)) {
		l->area = value.p;
		while (value.p < value.end && !is_blank(*value.p))
			value.p++;
		l->area_len = (size_t)(value.p - l->area);
	}
	if (!cma_pfn(c, l)) {
		malformed(l, "the event has no whole pfn=");
		return;
	}
	if (!number_field(c, "count=", &l->nr_pages) || !l->nr_pages || l->nr_pages >> 40) {
		malformed(l, "the event has no whole count=");
		return;
	}
	l->no_page = kind == FTRACE_CMA_ALLOC && cma_failed(c);
	if (kind == FTRACE_CMA_ALLOC && (!number_field(c, "align=", &align) || align > 51)) {
		malformed(l, "the event has no whole align=");
		return;
	}
	if (!l->no_page && l->pfn >> 52) {
		malformed(l, "the pfn is too large for any machine");
		return;
	}
	l->align = (unsigned)align;
	l->kind = kind;
}

/* An event of contiguous memory areas; false: it is none. */
static bool cma_event(struct cursor *c, struct ftrace_line *l)
{
	struct cursor at = *c;

	(void)EAT(&at, "cma:");
	if (EAT(&at, "cma_alloc_finish:") || EAT(&at, "cma_alloc:"))
		cma_fields(&at, l, FTRACE_CMA_ALLOC);
	else if (EAT(&at, "cma_release:"))
		cma_fields(&at, l, FTRACE_CMA_RELEASE);
	else if (STARTS(&at, "cma_alloc_start:") || STARTS(&at, "cma_alloc_busy_retry:"))
		l->kind = FTRACE_INFORMATIONAL;
	else
		return false;
	return true;
}

/* ---- processes ---- */

static void fault_fields(struct cursor *c, struct ftrace_line *l, bool from_user)
{
	struct cursor value;

	skip_blanks(c);
	if (!number_field(c, "error_code=", &l->error_code)) {
		malformed(l, "the event has no whole error_code=");
		return;
	}
	if (!find_field(c, "address=", &value) || at_field_end(&value)) {
		malformed(l, "the event has no whole address=");
		return;
	}
	l->from_user = from_user;
	/* An address of the kernel's own is printed as a symbol. */
	l->kind = number(&value, &l->addr) && at_field_end(&value) ? FTRACE_FAULT : FTRACE_FOREIGN;
	if (!number_field(c, "ip=", &l->ip))
		l->ip = 0;
}

static void rss_fields(struct cursor *c, struct ftrace_line *l)
{
	static const char *const members[] = {
		"MM_FILEPAGES", "MM_ANONPAGES", "MM_SWAPENTS", "MM_SHMEMPAGES"};
	uint64_t mm_id, current, bytes, member = 4;
	struct cursor value;

	skip_blanks(c);
	if (find_field(c, "type=", &value))
		for (unsigned i = 0; i < 4; i++)
			if (starts(&value, members[i], strlen(members[i])))
				member = i;
	if (member == 4 && (!number_field(c, "member=", &member) || member > 3)) {
		malformed(l, "the event has no whole type=");
		return;
	}
	if (!number_field(c, "mm_id=", &mm_id) || mm_id > UINT32_MAX ||
		!number_field(c, "curr=", &current) || !find_field(c, "size=", &value)) {
		malformed(l, "the event has no whole mm_id=, curr= or size=");
		return;
	}
	/* The sum of per-CPU counters may be read while one is on its way: below 0 for a moment. */
	bool minus = EAT(&value, "-");
	if (!decimal(&value, &bytes) || !EAT(&value, "B") || bytes > INT64_MAX) {
		malformed(l, "the event has no whole size=");
		return;
	}
	l->mm_id = (uint32_t)mm_id;
	l->current_mm = current != 0;
	l->member = (unsigned)member;
	l->rss_bytes = minus ? -(int64_t)bytes : (int64_t)bytes;
	l->kind = FTRACE_RSS;
}

static void sched_fields(struct cursor *c, struct ftrace_line *l, enum ftrace_kind kind)
{
	uint64_t pid;

	skip_blanks(c);
	if (!number_field(c, kind == FTRACE_FORK ? "child_pid=" : "pid=", &pid) ||
		pid > UINT32_MAX) {
		malformed(l, "the event has no whole pid=");
		return;
	}
	l->other_pid = (uint32_t)pid;
	l->kind = kind;
}

/* An event about a process and its memory; false: it is none. */
static bool process_event(struct cursor *c, struct ftrace_line *l)
{
	struct cursor at = *c;

	(void)(EAT(&at, "exceptions:") || EAT(&at, "kmem:") || EAT(&at, "sched:"));
	if (EAT(&at, "page_fault_user:"))
		fault_fields(&at, l, true);
	else if (EAT(&at, "page_fault_kernel:"))
		fault_fields(&at, l, false);
	else if (EAT(&at, "rss_stat:"))
		rss_fields(&at, l);
	else if (EAT(&at, "sched_process_fork:"))
		sched_fields(&at, l, FTRACE_FORK);
	else if (EAT(&at, "sched_process_exec:"))
		sched_fields(&at, l, FTRACE_EXEC);
	else if (EAT(&at, "sched_process_exit:"))
		sched_fields(&at, l, FTRACE_EXIT);
	else
		return false;
	return true;
}

/* Is the word the beginning of one of our events' names, its colon missing? */
static bool torn_name(const char *s, size_t len)
{
	static const char *const names[] = {"mm_page_alloc_zone_locked", "mm_page_alloc_extfrag",
		"mm_page_pcpu_drain", "mm_page_free_batched", "cma_alloc_finish", "cma_release"};

	if (len > 5 && !memcmp(s, "kmem:", 5)) {
		s += 5;
		len -= 5;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (len <= strlen(names[i]) && !memcmp(s, names[i], len))
			return true;
	return len <= 5 && !memcmp(s, "kmem:", len);
}

/* A function's name, as in a stack trace or the function tracer's lines, has no colon behind it. */
static void other_event(const struct cursor *c, struct ftrace_line *l)
{
	const char *p = c->p;

	while (p < c->end && !is_blank(*p))
		p++;
	if (p == c->p)
		malformed(l, "the line ends before the event");
	else if (p == c->end && p[-1] != ':' && torn_name(c->p, (size_t)(p - c->p)))
		malformed(l, "the line ends within the event's name");
	else
		l->kind = FTRACE_FOREIGN;
}

/* From the event's name to the end of the line. */
static void event(struct cursor *c, struct ftrace_line *l)
{
	skip_blanks(c);
	struct cursor name = *c;

	(void)EAT(c, "kmem:");
	if (EAT(c, "mm_page_")) {
		if (EAT(c, "alloc:")) {
			alloc_fields(c, l);
			return;
		}
		if (EAT(c, "free:")) {
			free_fields(c, l, FTRACE_FREE);
			return;
		}
		if (EAT(c, "free_batched:")) {
			free_fields(c, l, FTRACE_FREE_BATCHED);
			return;
		}
		if (EAT(c, "alloc_zone_locked:") || EAT(c, "pcpu_drain:") ||
			EAT(c, "alloc_extfrag:")) {
			l->kind = FTRACE_INFORMATIONAL;
			return;
		}
	}
	if (!cma_event(&name, l) && !process_event(&name, l))
		other_event(&name, l);
}

/* Headers and notes that the recorders put between the events. */
static bool note(const struct cursor *line, struct ftrace_line *l)
{
	struct cursor c = *line;
	uint64_t ignored;

	if (c.p == c.end || *c.p == '#') {
		static const char total[] = "entries-in-buffer/entries-written:";
		const char *at = memmem(c.p, (size_t)(c.end - c.p), total, sizeof(total) - 1);

		l->kind = FTRACE_COMMENT;
		if (at) {
			c.p = at + sizeof(total) - 1;
			skip_blanks(&c);
			if (decimal(&c, &l->number))
				l->kind = FTRACE_TOTAL;
		}
		return true;
	}
	if (STARTS(&c, "version =") || STARTS(&c, "cpus=") || STARTS(&c, "trace-cmd version")) {
		l->kind = FTRACE_COMMENT;
		return true;
	}
	if (!EAT(&c, "CPU"))
		return false;
	if (c.p < c.end && (*c.p == ':' || *c.p == ' '))
		c.p++;
	if (!decimal(&c, &ignored))
		return false;
	skip_blanks(&c);
	if (EAT(&c, "is empty")) {
		l->kind = FTRACE_COMMENT;
		return true;
	}
	/* ftrace: "CPU:1 [LOST 20 EVENTS]"; trace-cmd: "CPU:1 [20 EVENTS DROPPED]", "CPU:1 [EVENTS DROPPED]". */
	if (!EAT(&c, "[") || !memmem(c.p, (size_t)(c.end - c.p), "EVENTS", 6))
		return false;
	(void)EAT(&c, "LOST ");
	(void)decimal(&c, &l->number);
	l->kind = FTRACE_LOST;
	return true;
}

/* The parts of a stack trace, one address or function a line, and the graph tracer's lines. */
static bool continuation(const char *line, const struct cursor *c)
{
	struct cursor at = *c;
	uint64_t ignored;

	if (STARTS(c, "=> "))
		return true;
	if (c->p == line)
		return false;
	/* perf script: "\t    ffffffff8132c1d5 __alloc_pages+0x1d5 ([kernel.kallsyms])" */
	while (at.p < at.end && memchr("0123456789abcdef", *at.p, 16))
		at.p++;
	if (at.p - c->p >= 4 && at.p < at.end && is_blank(*at.p) && at.end[-1] == ')')
		return true;
	/* function_graph: " 1)   0.123 us    |  foo();" */
	at = *c;
	return decimal(&at, &ignored) && EAT(&at, ")") &&
	       memchr(at.p, '|', (size_t)(at.end - at.p));
}

/* latency-format: "  <...>-4154    0d..3.  1234us+: ": the CPU begins the word of flags before the time. */
static bool latency_head(const char *line, const char *colon, struct ftrace_line *l)
{
	const char *p = colon;
	uint64_t us;

	while (p > line && memchr(" !+#*@$", p[-1], 7))
		p--;
	if (p - line < 3 || p[-1] != 's' || p[-2] != 'u')
		return false;
	p -= 2;
	const char *digits = p;
	while (digits > line && is_digit(digits[-1]))
		digits--;
	struct cursor time = {digits, p};
	if (!decimal(&time, &us) || us > UINT64_MAX / 2000 || digits == line ||
		!is_blank(digits[-1]))
		return false;
	while (digits > line && is_blank(digits[-1]))
		digits--;
	const char *flags = digits;
	while (flags > line && !is_blank(flags[-1]))
		flags--;
	struct cursor word = {flags, digits};
	uint64_t cpu;
	if (!decimal(&word, &cpu) || cpu > UINT32_MAX)
		return false;
	l->cpu = (uint32_t)cpu;
	l->has_time = true;
	l->time_ns = us * 1000;
	return true;
}

/* "TIME:" as a whole word that ends at @colon and stands behind a blank. */
static bool time_before(const char *line, const char *colon, struct ftrace_line *l)
{
	const char *p = colon;

	while (p > line && (is_digit(p[-1]) || p[-1] == '.'))
		p--;
	struct cursor time = {p, colon + 1};
	if (p == line || !is_blank(p[-1]) || !timestamp(&time, l) || !l->has_time) {
		l->has_time = false;
		return false;
	}
	return true;
}

/* A line without "[CPU]": every ": " in it may end a head. */
static void event_without_cpu(struct cursor *c, struct ftrace_line *l)
{
	const char *line = c->p;
	struct cursor at = *c;

	skip_blanks(c);
	if (STARTS(c, "mm_page_") || STARTS(c, "kmem:mm_page_") || STARTS(c, "cma_") ||
		STARTS(c, "cma:cma_")) {
		event(c, l);
		return;
	}
	if (continuation(line, c)) {
		l->kind = FTRACE_FOREIGN;
		return;
	}
	while ((at.p = memchr(at.p, ':', (size_t)(at.end - at.p))) != NULL) {
		if (at.p + 1 < at.end && is_blank(at.p[1]) &&
			(time_before(line, at.p, l) || latency_head(line, at.p, l))) {
			at.p++;
			event(&at, l);
			return;
		}
		at.p++;
	}
	malformed(l, "neither an event with its head nor a comment");
}

void ftrace_parse(const char *s, size_t len, struct ftrace_line *out)
{
	struct cursor c = {s, s + len};

	memset(out, 0, sizeof(*out));
	out->migratetype = -1;
	while (c.end > c.p && (c.end[-1] == '\r' || is_blank(c.end[-1])))
		c.end--;
	if (find_head(&c, out)) {
		event(&c, out);
		return;
	}
	struct cursor trimmed = c;
	skip_blanks(&trimmed);
	if (!note(&trimmed, out))
		event_without_cpu(&c, out);
}
