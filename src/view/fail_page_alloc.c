/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/debug/fail_page_alloc: the switches of fault injection, as debugfs shows and parses them.
 *
 *	numbers    decimal, hex after 0x, octal after 0 (kstrtoull, base 0); times and space may be negative
 *	booleans   shown as Y or N; y, Y, t, T, 1, on set, n, N, f, F, 0, of clear, and anything else is
 *	           swallowed without effect, as debugfs does
 *
 * Follows fs/debugfs/file.c, lib/kstrtox.c (kstrtobool()) and lib/fault-inject.c of 6.1.
 */
#include "view/debugfs.h"
#include "view/files.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool *bool_of(struct fault_inject *f, int64_t file)
{
	switch (file) {
	case FAIL_TASK_FILTER:
		return &f->task_filter;
	case FAIL_IGNORE_WAIT:
		return &f->ignore_gfp_wait;
	case FAIL_IGNORE_HIGHMEM:
		return &f->ignore_gfp_highmem;
	default:
		return NULL;
	}
}

static int64_t number_of(const struct fault_inject *f, int64_t file)
{
	switch (file) {
	case FAIL_PROBABILITY:
		return (int64_t)f->probability;
	case FAIL_INTERVAL:
		return (int64_t)f->interval;
	case FAIL_TIMES:
		return f->times;
	case FAIL_SPACE:
		return (int64_t)f->space;
	case FAIL_VERBOSE:
		return (int64_t)f->verbose;
	case FAIL_RATELIMIT_INTERVAL:
		return f->ratelimit_interval_ms;
	case FAIL_RATELIMIT_BURST:
		return f->ratelimit_burst;
	default:
		return f->min_order;
	}
}

static void set_number(struct fault_inject *f, int64_t file, int64_t value)
{
	switch (file) {
	case FAIL_PROBABILITY:
		f->probability = (uint64_t)value;
		break;
	case FAIL_INTERVAL:
		f->interval = (uint64_t)value;
		break;
	case FAIL_TIMES:
		f->times = (int32_t)value;
		break;
	case FAIL_SPACE:
		f->space = value < 0 ? 0 : (uint32_t)value;
		break;
	case FAIL_VERBOSE:
		f->verbose = (uint64_t)value;
		break;
	case FAIL_RATELIMIT_INTERVAL:
		f->ratelimit_interval_ms = (uint32_t)value;
		break;
	case FAIL_RATELIMIT_BURST:
		f->ratelimit_burst = (uint32_t)value;
		break;
	default:
		f->min_order = (uint32_t)value;
	}
}

int fail_page_alloc_show(struct view *v, struct text *out)
{
	struct fault_inject *f = &v->m->fail_page_alloc;
	const bool *flag = bool_of(f, v->aux);

	if (flag)
		text_putc(out, *flag ? 'Y' : 'N');
	else
		text_sdec(out, number_of(f, v->aux));
	text_putc(out, '\n');
	return 0;
}

/* kstrtobool(): the first letters decide. */
static int parse_bool(const char *s, size_t len, bool *value)
{
	char a = len ? (char)tolower((unsigned char)s[0]) : 0;
	char b = len > 1 ? (char)tolower((unsigned char)s[1]) : 0;

	if (a == 'y' || a == 't' || a == '1' || (a == 'o' && b == 'n'))
		*value = true;
	else if (a == 'n' || a == 'f' || a == '0' || (a == 'o' && b == 'f'))
		*value = false;
	else
		return -EINVAL;
	return 0;
}

int64_t fail_page_alloc_store(struct view *v, const char *data, size_t len)
{
	struct fault_inject *f = &v->m->fail_page_alloc;
	bool *flag = bool_of(f, v->aux);
	int64_t value;

	if (flag) {
		(void)parse_bool(data, len, flag);
		return (int64_t)len;
	}
	int err = debugfs_number(data, len, &value);
	if (!err && value < 0 && v->aux != FAIL_TIMES && v->aux != FAIL_SPACE)
		err = -EINVAL;
	if (err)
		return refuse(
			&v->m->why, -err, "a number is expected: decimal, or hexadecimal after 0x");
	set_number(f, v->aux, value);
	return (int64_t)len;
}
