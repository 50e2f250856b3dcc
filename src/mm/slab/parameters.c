/* SPDX-License-Identifier: MIT
 *
 * What the architecture and the command line say to the slab allocator.
 *
 *	slub_min_order=N  slub_max_order=N  slub_min_objects=N      how large slabs are
 *	slab_nomerge, slub_nomerge                                  each cache is by itself
 *	slub_debug                                                  FZPU for all caches
 *	slub_debug=FLAGS                                            these
 *	slub_debug=FLAGS,NAME,PREFIX*;FLAGS,NAME                    these, for caches of these names only
 *
 * FLAGS are letters of slab_flags.def; none before a comma are FZPU; '-' takes all back; O is "not where it would make
 * larger slabs". Caches whose name a list has get that list's flags; others those that were given without a list.
 *
 * Left out: memcg kmem accounting's and KASAN's parameters. A slub_min_order beyond the largest order is made that order
 * (the kernel would not boot).
 * Follows mm/slub.c of 6.1 (setup_slub_debug(), kmem_cache_flags()), include/linux/slab.h (ARCH_KMALLOC_MINALIGN).
 */
#include "mm/slab/internal.h"

#include "base/parse.h"

#include <ctype.h>
#include <string.h>

#define DEFAULT_DEBUG (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

/* The value of the last word NAME=VALUE or NAME: its length in *@len; NULL when there is none, "" without a value. */
static const char *word_value(const struct machine *m, const char *name, size_t *len)
{
	size_t name_len = strlen(name);
	const char *found = NULL, *s = m->cmdline;

	while (*s) {
		size_t n = strcspn(s, " ");

		if (n >= name_len && !memcmp(s, name, name_len) &&
			(n == name_len || s[name_len] == '=')) {
			found = n == name_len ? "" : s + name_len + 1;
			*len = n == name_len ? 0 : n - name_len - 1;
		}
		s += n + (s[n] == ' ');
	}
	return found;
}

static uint32_t number(const struct machine *m, const char *name, uint32_t otherwise)
{
	size_t len;
	uint64_t value;
	const char *s = word_value(m, name, &len);

	return s && parse_u64(s, len, 10, &value)
		       ? (uint32_t)(value < INT32_MAX ? value : INT32_MAX)
		       : otherwise;
}

/* The smallest object of kmalloc: a cache line where devices are not coherent with the caches. */
static uint32_t kmalloc_min(const struct machine *m)
{
	switch (m->arch) {
	case ARCH_ARM64:
		return 128;
	case ARCH_ARM:
		return machine_has(m, CONFIG_MMU) ? 64 : 8;
	case ARCH_RISCV64:
		return 64;
	default:
		return 8;
	}
}

/* ---- slub_debug ---- */

/* The flags that a block of letters means; *@s moves behind them. 'O' is bit 0, which is no flag of a cache. */
static uint32_t read_letters(const char **s)
{
	static const struct {
		uint32_t flag;
		char letter;
	} letters[] = {
#define SLAB_FLAG(name, value, letter, doc) {(value), (letter)},
#include "mm/slab/slab_flags.def"
	};
	uint32_t flags = 0;

	if (**s == ',')
		return DEFAULT_DEBUG;
	for (; **s && **s != ',' && **s != ';'; ++*s) {
		char c = (char)toupper((unsigned char)**s);

		if (c == '-')
			flags = 0;
		flags |= c == 'O';
		for (unsigned i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
			if (letters[i].letter == c)
				flags |= letters[i].flag;
	}
	return flags;
}

void slab_read_parameters(struct machine *m)
{
	struct slab_state *st = &m->slab;
	size_t len;
	const char *debug = word_value(m, "slub_debug", &len);
	uint32_t largest = m->nr_orders - 1;

	st->hw_align = m->arch == ARCH_I386 || !machine_has(m, CONFIG_MMU) ? 32 : 64;
	st->kmalloc_min = kmalloc_min(m);
	st->min_order = number(m, "slub_min_order", 0);
	st->max_order = number(m, "slub_max_order", SLAB_MAX_ORDER);
	st->min_order = st->min_order < largest ? st->min_order : largest;
	st->max_order = st->max_order < largest ? st->max_order : largest;
	st->min_objects = number(m, "slub_min_objects", 0);
	st->nomerge = !machine_has(m, CONFIG_SLAB_MERGE_DEFAULT) ||
		      word_value(m, "slab_nomerge", &len) || word_value(m, "slub_nomerge", &len);
	strcpy(st->debug, "-");
	debug = word_value(m, "slub_debug", &len);
	if (debug && machine_has(m, CONFIG_SLUB_DEBUG)) {
		len = len < sizeof(st->debug) - 1 ? len : sizeof(st->debug) - 1;
		memcpy(st->debug, debug, len);
		st->debug[len] = '\0';
		for (const char *at = st->debug; *at; at += strcspn(at, ";"), at += *at == ';')
			st->keep_orders |= read_letters(&at) & 1;
	}
}

/* Is @name in the comma-separated list of names and prefixes that begins at @s and ends at ';'? */
static bool listed(const char *s, const char *name)
{
	while (*s && *s != ';') {
		size_t len = strcspn(s, ",;");
		const char *star = memchr(s, '*', len);
		bool same = star ? !strncmp(name, s, (size_t)(star - s))
				 : strlen(name) == len && !memcmp(name, s, len);

		if (same)
			return true;
		s += len + (s[len] == ',');
	}
	return false;
}

uint32_t slab_debug_flags(const struct machine *m, uint32_t flags, const char *name)
{
	const char *s = m->slab.debug;
	uint32_t all = 0;

	if (!machine_has(m, CONFIG_SLUB_DEBUG) || !strcmp(s, "-"))
		return flags;
	if (!*s)
		all = DEFAULT_DEBUG;
	while (*s) {
		if (*s == ';') {
			s++;
			continue;
		}
		uint32_t block = read_letters(&s) & ~1u;

		if (*s != ',')
			all = block;
		else if (listed(s + 1, name))
			return flags | block;
		s += strcspn(s, ";");
	}
	if (flags & SLAB_NOLEAKTRACE)
		all &= ~(uint32_t)SLAB_STORE_USER;
	return flags | all;
}
