/* SPDX-License-Identifier: MIT
 *
 * Files with one value: proc/sys and the switches under sys, with the kernel's parsing to the letter.
 *
 * proc/sys (kernel/sysctl.c of Linux 6.1):
 * 1. Blanks before a number are skipped. A number is decimal, hex after 0x, octal after 0, with an optional minus; it
 *    must be followed by a blank, a newline or the end, and be shorter than 22 characters.
 * 2. A vector takes as many numbers as it has; what stands behind them is not looked at, and not consumed: `1 2`
 *    written to an int consumes two bytes, and the writer may write the rest, which comes at a later position and is
 *    ignored.
 * 3. Nothing but blanks is EINVAL, a value outside the range too, and the old value stays.
 * sysfs reads with kstrto*(): the number and at most one newline, nothing else.
 */
#include "view/sysctl.h"

#include "view/files.h"
#include "view/memory_size.h"
#include "view/put.h"

#include "base/parse.h"
#include "mm/page/hugetlb.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define HZ	       250
#define NUMBER_LONGEST 21
#define KERNEL_PAGE    4095

static const uint8_t types[NR_SYSCTLS] = {
#define SYSCTL(name, need, when, path, mode, type, min, max, dflt, effect, doc)                    \
	[SYSCTL_##name] = SYSCTL_##type,
#include "sysctl.def"
};

/* The words of the switches that have some, in printing order. */
static const char *sysctl_words(unsigned id)
{
	switch (id) {
	case SYSCTL_thp_enabled:
		return "always madvise never";
	case SYSCTL_thp_defrag:
		return "always defer defer+madvise madvise never";
	case SYSCTL_thp_shmem_enabled:
		return "always within_size advise never deny force";
	case SYSCTL_auto_online_blocks:
		return "offline online online_kernel online_movable";
	default:
		return "";
	}
}

bool when_nommu(const struct machine *m)
{
	return !machine_has(m, CONFIG_MMU);
}

bool when_memory_failure(const struct machine *m)
{
	return memory_failure_known(m);
}

bool when_compat(const struct machine *m)
{
	return m->arch == ARCH_X86_64 || m->arch == ARCH_ARM64;
}

bool when_hugetlb(const struct machine *m)
{
	return machine_has(m, CONFIG_HUGETLB_PAGE);
}

bool when_32bit(const struct machine *m)
{
	return !machine_has(m, CONFIG_64BIT);
}

bool when_ksm(const struct machine *m)
{
	return machine_has(m, CONFIG_KSM);
}

/* ---- showing ---- */

static void show_words(struct text *out, const char *words, uint64_t chosen)
{
	for (uint64_t i = 0; *words; i++) {
		size_t len = strcspn(words, " ");

		if (i)
			text_putc(out, ' ');
		if (i == chosen)
			text_putc(out, '[');
		text_put(out, words, len);
		if (i == chosen)
			text_putc(out, ']');
		words += len + (words[len] == ' ');
	}
}

static void show_choice(struct text *out, const char *words, uint64_t chosen)
{
	for (; chosen && *words; chosen--) {
		words += strcspn(words, " ");
		words += *words == ' ';
	}
	text_put(out, words, strcspn(words, " "));
}

static void show_ratios(struct machine *m, struct text *out)
{
	const char *separator = "";

	for (unsigned type = 0; type < MAX_NR_ZONES; type++) {
		if (!zone_configured(m, type))
			continue;
		text_puts(out, separator);
		text_sdec(out, m->sysctls.lowmem_reserve_ratio[type]);
		separator = "\t";
	}
	/* The kernel's handler recomputes on reads too. */
	zones_setup_lowmem_reserve(m);
}

int show_sysctl(struct view *v, struct text *out)
{
	unsigned id = (unsigned)v->aux;
	int64_t value = v->m->sysctls.value[id];

	switch ((enum sysctl_type)types[id]) {
	case SYSCTL_INT:
	case SYSCTL_JIFFIES:
		text_sdec(out, value);
		break;
	case SYSCTL_POOL:
		text_dec(out, hugetlb_pages(v->m), 0);
		break;
	case SYSCTL_ULONG:
	case SYSCTL_BOOL:
	case SYSCTL_SYSFS:
	case SYSCTL_DEBUGFS:
		text_dec(out, (uint64_t)value, 0);
		break;
	case SYSCTL_RESERVE:
		show_ratios(v->m, out);
		break;
	case SYSCTL_ZONELIST:
		text_puts(out, "Node");
		break;
	case SYSCTL_TRIGGER:
		return 0;
	case SYSCTL_WORDS:
		show_words(out, sysctl_words(id), (uint64_t)value);
		break;
	case SYSCTL_CHOICE:
		show_choice(out, sysctl_words(id), (uint64_t)value);
		break;
	case SYSCTL_TRUTH:
		text_puts(out, value ? "true" : "false");
		break;
	}
	text_putc(out, '\n');
	return 0;
}

/* ---- numbers as proc/sys reads them ---- */

struct cursor {
	const char *at;
	size_t left;
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(struct cursor *c)
{
	while (c->left && is_blank(*c->at)) {
		c->at++;
		c->left--;
	}
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Digits at the cursor in the base that their prefix names; false when they do not fit @top. */
static bool take_digits(struct cursor *c, uint64_t top, uint64_t *value)
{
	unsigned base = 10;

	*value = 0;
	if (c->left && *c->at == '0') {
		base = 8;
		if (c->left > 2 && (c->at[1] | 32) == 'x' && digit_value(c->at[2]) < 16) {
			base = 16;
			c->at += 2;
			c->left -= 2;
		}
	}
	while (c->left && digit_value(*c->at) < base) {
		uint64_t digit = digit_value(*c->at);

		if (*value > (top - digit) / base)
			return false;
		*value = *value * base + digit;
		c->at++;
		c->left--;
	}
	return true;
}

/* proc_get_long(): one number and the minus before it. */
static bool take_number(const struct machine *m, struct cursor *c, uint64_t *value, bool *minus)
{
	uint64_t top = machine_word_max(m);
	struct cursor word = {c->at, c->left < NUMBER_LONGEST ? c->left : NUMBER_LONGEST};

	*minus = word.left > 1 && *word.at == '-';
	if (*minus) {
		word.at++;
		word.left--;
	}
	if (!word.left || !isdigit((unsigned char)*word.at) || !take_digits(&word, top, value))
		return false;
	size_t used = (size_t)(word.at - c->at);
	if (used == NUMBER_LONGEST)
		return false;
	if (used < c->left && *word.at != ' ' && *word.at != '\t' && *word.at != '\n')
		return false;
	c->at += used;
	c->left -= used;
	return true;
}

/* An int of the kernel from a number and its minus. */
static bool to_int(uint64_t value, bool minus, int64_t *out)
{
	if (value > (uint64_t)INT32_MAX + minus)
		return false;
	*out = minus ? -(int64_t)value : (int64_t)value;
	return true;
}

/* The name of the file for sentences: the last part of its path. */
static const char *file_name(const struct view *v)
{
	return strrchr(sysctl_path((enum sysctl_id)v->aux), '/') + 1;
}

static int refuse_range(struct view *v, int64_t least, int64_t most)
{
	if (types[v->aux] == SYSCTL_ULONG || types[v->aux] == SYSCTL_POOL)
		return refuse(&v->m->why, EINVAL, "%s takes a number from %llu to %llu",
			file_name(v), (unsigned long long)least, (unsigned long long)most);
	return refuse(&v->m->why, EINVAL, "%s takes a number from %lld to %lld", file_name(v),
		(long long)least, (long long)most);
}

/* One number of the row's type, converted and in its range. */
static int take_value(struct view *v, struct cursor *c, int64_t *out)
{
	enum sysctl_type type = types[v->aux];
	int64_t least, most;
	uint64_t value;
	bool minus;

	sysctl_range(v->m, (enum sysctl_id)v->aux, &least, &most);
	if (!take_number(v->m, c, &value, &minus))
		return refuse(&v->m->why, EINVAL, "%s takes a number: decimal, or hex with 0x",
			file_name(v));
	if (type == SYSCTL_ULONG || type == SYSCTL_POOL) {
		*out = (int64_t)value;
		if (minus || value < (uint64_t)least || value > (uint64_t)most)
			return refuse_range(v, least, most);
		return 0;
	}
	if (type == SYSCTL_BOOL) {
		*out = value != 0;
		return 0;
	}
	if (type == SYSCTL_JIFFIES) {
		least = -(INT32_MAX / HZ);
		most = INT32_MAX / HZ;
	}
	if (!to_int(value, minus, out) || *out < least || *out > most)
		return refuse_range(v, least, most);
	return 0;
}

/* What the kernel says was written: all but what stands behind the numbers. */
static int64_t consumed(struct cursor *c, size_t len)
{
	skip_blanks(c);
	return (int64_t)(len - c->left);
}

static int64_t store_number(struct view *v, const char *data, size_t len)
{
	struct cursor c = {data, len < KERNEL_PAGE ? len : KERNEL_PAGE};
	size_t whole = c.left;
	int64_t value = 0;

	skip_blanks(&c);
	if (!c.left)
		return refuse(
			&v->m->why, EINVAL, "%s takes a number, and there is none", file_name(v));
	int err = take_value(v, &c, &value);
	if (!err)
		err = sysctl_set(v->m, (enum sysctl_id)v->aux, value);
	return err ? err : consumed(&c, whole);
}

/* lowmem_reserve_ratio: the numbers before a bad one are stored, and its handler never fails. */
static int64_t store_ratios(struct view *v, const char *data, size_t len)
{
	struct cursor c = {data, len < KERNEL_PAGE ? len : KERNEL_PAGE};
	struct sysctls *s = &v->m->sysctls;
	size_t whole = c.left;
	unsigned stored = 0;
	bool bad = false;

	for (unsigned type = 0; type < MAX_NR_ZONES && !bad; type++) {
		uint64_t value;
		int64_t ratio;
		bool minus;

		if (!zone_configured(v->m, type))
			continue;
		skip_blanks(&c);
		if (!c.left)
			break;
		bad = !take_number(v->m, &c, &value, &minus) || !to_int(value, minus, &ratio);
		if (bad)
			break;
		s->lowmem_reserve_ratio[type] = ratio < 1 ? 0 : ratio;
		stored++;
	}
	(void)sysctl_set(v->m, SYSCTL_lowmem_reserve_ratio, 0);
	return stored && !bad ? consumed(&c, whole)
	       : stored	      ? (int64_t)(whole - c.left)
			      : (int64_t)whole;
}

static int64_t store_zonelist(struct view *v, const char *data, size_t len)
{
	if (!len || !strchr("dDnN", *data) || !*data)
		return refuse(&v->m->why, EINVAL,
			"numa_zonelist_order takes Default or Node, which are the same");
	return (int64_t)len;
}

/* ---- sysfs ---- */

/* A number alone, with at most one newline behind it. */
static bool sysfs_number(const char *data, size_t len, uint64_t *value)
{
	struct cursor c = {data, len};

	if (c.left && *c.at == '+') {
		c.at++;
		c.left--;
	}
	if (!c.left || !isdigit((unsigned char)*c.at) || !take_digits(&c, UINT64_MAX, value))
		return false;
	return !c.left || (c.left == 1 && *c.at == '\n');
}

static int64_t store_sysfs(struct view *v, const char *data, size_t len)
{
	uint64_t value;
	int64_t least, most;

	sysctl_range(v->m, (enum sysctl_id)v->aux, &least, &most);
	if (!sysfs_number(data, len, &value) || value < (uint64_t)least || value > (uint64_t)most)
		return refuse_range(v, least, most);
	int err = sysctl_set(v->m, (enum sysctl_id)v->aux, (int64_t)value);
	return err ? err : (int64_t)len;
}

/* sysfs_streq(): the word, and perhaps a newline. */
static int64_t store_word(struct view *v, const char *data, size_t len)
{
	const char *words = sysctl_words((unsigned)v->aux);
	size_t word_len = parse_line_len(data, len);

	for (int64_t i = 0; *words; i++) {
		size_t n = strcspn(words, " ");

		if (n == word_len && !memcmp(words, data, n)) {
			int err = sysctl_set(v->m, (enum sysctl_id)v->aux, i);
			return err ? err : (int64_t)len;
		}
		words += n + (words[n] == ' ');
	}
	return refuse(&v->m->why, EINVAL, "%s takes one of: %s", file_name(v),
		sysctl_words((unsigned)v->aux));
}

/* kstrtobool(): only the first letters count. */
static int64_t store_truth(struct view *v, const char *data, size_t len)
{
	char c = len ? *data : '\0', second = len > 1 ? data[1] : '\0';
	int truth = -1;

	if (c && strchr("yYtT1", c))
		truth = 1;
	else if (c && strchr("nNfF0", c))
		truth = 0;
	else if (c && strchr("oO", c) && second)
		truth = strchr("nN", second) ? 1 : strchr("fF", second) ? 0 : -1;
	if (truth < 0)
		return refuse(&v->m->why, EINVAL, "%s takes true or false", file_name(v));
	int err = sysctl_set(v->m, (enum sysctl_id)v->aux, truth);
	return err ? err : (int64_t)len;
}

int64_t store_sysctl(struct view *v, const char *data, size_t len)
{
	switch ((enum sysctl_type)types[v->aux]) {
	case SYSCTL_INT:
	case SYSCTL_ULONG:
	case SYSCTL_BOOL:
	case SYSCTL_JIFFIES:
		return store_number(v, data, len);
	case SYSCTL_POOL: {
		int64_t ret = store_number(v, data, len);

		v->again = v->m->hugetlb.resizing;
		return ret;
	}
	case SYSCTL_RESERVE:
		return store_ratios(v, data, len);
	case SYSCTL_ZONELIST:
		return store_zonelist(v, data, len);
	case SYSCTL_TRIGGER:
		(void)sysctl_set(v->m, (enum sysctl_id)v->aux, 0);
		v->again = v->m->compact_job.active;
		return (int64_t)len;
	case SYSCTL_SYSFS:
	case SYSCTL_DEBUGFS:
		return store_sysfs(v, data, len);
	case SYSCTL_WORDS:
	case SYSCTL_CHOICE:
		return store_word(v, data, len);
	case SYSCTL_TRUTH:
		return store_truth(v, data, len);
	}
	return -EINVAL;
}

int slice_sysctl(struct view *v, bool interrupted)
{
	return types[v->aux] == SYSCTL_POOL ? slice_hugepages(v, interrupted)
					    : slice_compaction(v, interrupted);
}
