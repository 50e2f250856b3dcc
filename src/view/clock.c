/* SPDX-License-Identifier: MIT
 *
 * sim/clock: the virtual time, and letting it pass.
 *
 *	$ cat sim/clock
 *	now 12.500000000
 *	task 12.600000000 kswapd node 0
 *	$ echo +100ms > sim/clock
 *
 * Time only goes forward, so a write begins with '+'. What falls due meanwhile runs at its own time.
 */
#include "view/files.h"

#include "base/parse.h"
#include "mm/core/clock.h"

#include <errno.h>
#include <string.h>

#define MAX_STEP_NS (UINT64_C(366) * 86400 * 1000000000)

static void put_time(uint64_t ns, struct text *out)
{
	text_printf(out, "%llu.%09llu", (unsigned long long)(ns / 1000000000),
		(unsigned long long)(ns % 1000000000));
}

static void put_task(const struct task_event *e, struct text *out)
{
	text_puts(out, "task ");
	put_time(e->at_ns, out);
	switch ((enum task_kind)e->kind) {
	case TASK_KSWAPD:
		text_printf(out, " kswapd node %u\n", e->arg);
		break;
	case TASK_BUS:
		text_puts(out, " bus\n");
		break;
	case TASK_KMEMLEAK:
		text_puts(out, " kmemleak scan\n");
		break;
	case TASK_KCOMPACTD:
		text_printf(out, " kcompactd node %u\n", e->arg);
		break;
	case TASK_IOMMU_FQ:
		text_puts(out, " iommu flush queue\n");
		break;
	case NR_TASK_KINDS:
		break;
	}
}

/* The event that comes next after @after (NULL: the first), in the order in which they will run. */
static const struct task_event *next_event(const struct clock *c, const struct task_event *after)
{
	const struct task_event *best = NULL;

	for (unsigned i = 0; i < c->nr_tasks; i++) {
		const struct task_event *e = &c->task[i];
		bool later = !after || e->at_ns > after->at_ns ||
			     (e->at_ns == after->at_ns && e->sequence > after->sequence);
		bool earlier = !best || e->at_ns < best->at_ns ||
			       (e->at_ns == best->at_ns && e->sequence < best->sequence);

		if (later && earlier)
			best = e;
	}
	return best;
}

int show_clock(struct view *v, struct text *out)
{
	const struct clock *c = &v->m->clock;

	text_puts(out, "now ");
	put_time(c->now_ns, out);
	text_putc(out, '\n');
	for (const struct task_event *e = next_event(c, NULL); e; e = next_event(c, e))
		put_task(e, out);
	return 0;
}

static const struct {
	const char *word;
	uint64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"ms", 1000000},
	{"s", 1000000000},
	{"min", UINT64_C(60) * 1000000000},
	{"h", UINT64_C(3600) * 1000000000},
};

/* "5s", "1.5ms": digits, perhaps a point and digits, a unit. */
static bool parse_duration(const char *s, size_t len, uint64_t *ns)
{
	size_t digits = 0;
	uint64_t value = 0, unit = 0, scale;

	while (digits < len && ((s[digits] >= '0' && s[digits] <= '9') || s[digits] == '.'))
		digits++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (parse_is(s + digits, len - digits, units[i].word))
			unit = units[i].ns;
	const char *point = memchr(s, '.', digits);
	size_t whole = point ? (size_t)(point - s) : digits;
	if (!unit || !parse_u64(s, whole, 10, &value) || __builtin_mul_overflow(value, unit, ns))
		return false;
	if (!point)
		return true;
	/* What the unit cannot hold of the fraction is cut off: 0.5ns is 0. */
	if (whole + 1 == digits)
		return false;
	scale = unit;
	for (size_t i = whole + 1; i < digits; i++) {
		if (s[i] == '.')
			return false;
		scale /= 10;
		if (__builtin_add_overflow(*ns, (uint64_t)(s[i] - '0') * scale, ns))
			return false;
	}
	return true;
}

int64_t store_clock(struct view *v, const char *data, size_t len)
{
	struct machine *m = v->m;
	const char *s = data;
	size_t n = len;
	uint64_t ns;

	while (n && (s[n - 1] == '\n' || s[n - 1] == '\r' || s[n - 1] == ' '))
		n--;
	while (n && *s == ' ')
		s++, n--;
	if (!n || *s != '+')
		return refuse(&m->why, EINVAL,
			"time only goes forward: write + and a duration, such as +5s, +100ms or "
			"+3us");
	if (!parse_duration(s + 1, n - 1, &ns))
		return refuse(&m->why, EINVAL,
			"not a duration: a number and one of ns, us, ms, s, min, h, such as +5s, "
			"+1.5ms or +3us");
	if (ns > MAX_STEP_NS || m->clock.now_ns > INT64_MAX - MAX_STEP_NS)
		return refuse(&m->why, ERANGE,
			"at most 366 days (+8784h) pass in one write, and 292 years in all");
	v->s->advance_until_ns = m->clock.now_ns + ns;
	v->again = true;
	return (int64_t)len;
}

int slice_clock(struct view *v, bool interrupted)
{
	if (interrupted)
		return refuse(&v->m->why, EINTR, "interrupted: the rest of the time did not pass");
	return clock_advance_step(
		v->m, v->s->advance_until_ns, session_slice(v->s, SESSION_TASK_STEPS));
}
