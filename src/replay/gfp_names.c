/* SPDX-License-Identifier: MIT
 *
 * GFP flags by name, for recordings of kernels from 3.3 to 6.18.
 *
 * A composite means what it means in 6.1, the simulated kernel: GFP_ATOMIC of a 6.18 recording gets 6.1's bits. The
 * names that came or went are in the table below with the flags that do the same in 6.1; a flag without any
 * effect on where a page comes from (__GFP_COLD, __GFP_NOTRACK) is known and maps to none. Bits that a kernel printed
 * as a bare number have another meaning in each version, so they are counted as unknown and left out.
 *
 * Kernels before 4.6 printed the single flags without their underscores (GFP_ZERO for __GFP_ZERO).
 */
#include "replay/gfp_names.h"

#include "base/parse.h"

#include <string.h>

struct gfp_name {
	const char *name;
	gfp_t gfp;
};

#define RECLAIM_BITS ((gfp_t)(__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM))
#define THP_BITS     ((gfp_t)GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN)

/* Composites first: the loop stops at the first match. */
static const struct gfp_name names[] = {
#define GFP_MASK(name, value, doc) {#name, (gfp_t)(value)},
#include "mm/page/gfp.def"
#define GFP_BIT(name, bit, doc) {#name, 1u << (bit)},
#include "mm/page/gfp.def"
	{"GFP_TRANSHUGE", THP_BITS | __GFP_DIRECT_RECLAIM},
	{"GFP_TRANSHUGE_LIGHT", THP_BITS & ~RECLAIM_BITS},
	{"GFP_TEMPORARY", (gfp_t)GFP_KERNEL | __GFP_RECLAIMABLE},
	{"GFP_IOFS", __GFP_IO | __GFP_FS},
	{"__GFP_RECLAIM", RECLAIM_BITS},
	{"__GFP_WAIT", RECLAIM_BITS},
	{"__GFP_REPEAT", __GFP_RETRY_MAYFAIL},
	{"__GFP_COLD", 0},
	{"__GFP_NOTRACK", 0},
	{"__GFP_OTHER_NODE", 0},
	{"__GFP_NO_KSWAPD", 0},
	{"__GFP_KMEMCG", __GFP_ACCOUNT},
	{"__GFP_NOACCOUNT", 0},
	{"__GFP_NO_OBJ_EXT", 0},
	{"__GFP_SKIP_KASAN", __GFP_SKIP_KASAN_POISON},
};
#define NR_NAMES (sizeof(names) / sizeof(names[0]))

static const struct gfp_name *find(const char *s, size_t len)
{
	for (size_t i = 0; i < NR_NAMES; i++)
		if (parse_is(s, len, names[i].name))
			return &names[i];
	/* GFP_ZERO of an old kernel is __GFP_ZERO. */
	for (size_t i = 0; i < NR_NAMES; i++)
		if (!strncmp(names[i].name, "__", 2) && parse_is(s, len, names[i].name + 2))
			return &names[i];
	return NULL;
}

static bool begins_a_name(const char *s, size_t len)
{
	for (size_t i = 0; i < NR_NAMES; i++)
		if (strlen(names[i].name) > len && !memcmp(names[i].name, s, len))
			return true;
	return false;
}

static bool is_word(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char low = (unsigned char)s[i] | 32;

		if (!(low >= 'a' && low <= 'z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '_')
			return false;
	}
	return len > 0;
}

static bool one_word(const char *s, size_t len, bool last, gfp_t *gfp, unsigned *unknown)
{
	const struct gfp_name *found = find(s, len);
	uint64_t bits;

	if (found) {
		*gfp |= found->gfp;
		return true;
	}
	/* "none" and "0" stand for no flag at all; "0x2000000" for bits that have no name there. */
	if (parse_is(s, len, "none") || (parse_u64(s, len, 0, &bits) && !bits))
		return true;
	if (!is_word(s, len) || (last && begins_a_name(s, len)))
		return false;
	(*unknown)++;
	return true;
}

bool gfp_from_any_kernel(const char *s, size_t len, gfp_t *out, unsigned *unknown)
{
	const char *end = s + len;

	*out = 0;
	*unknown = 0;
	for (;;) {
		const char *bar = memchr(s, '|', (size_t)(end - s));
		const char *stop = bar ? bar : end;

		if (!one_word(s, (size_t)(stop - s), !bar, out, unknown))
			return false;
		if (!bar)
			return true;
		s = bar + 1;
	}
}

/* The length and the middle and last bytes tell the usual texts apart; a clash only costs the work again. */
static unsigned row_of(const char *s, size_t len)
{
	uint32_t h = (uint32_t)len * 31u + (unsigned char)s[len / 2];

	h = h * 31u + (unsigned char)s[len - 1];
	h = h * 31u + (unsigned char)s[len - 1 - len / 4];
	return (h ^ h >> 6) % GFP_CACHE_ROWS;
}

bool gfp_cached(struct gfp_cache *cache, const char *s, size_t len, gfp_t *out, unsigned *unknown)
{
	if (!len || len > GFP_CACHE_TEXT)
		return gfp_from_any_kernel(s, len, out, unknown);
	unsigned i = row_of(s, len);

	if (cache->row[i].len != len || memcmp(cache->row[i].text, s, len) != 0) {
		if (!gfp_from_any_kernel(s, len, out, unknown))
			return false;
		cache->row[i].gfp = *out;
		cache->row[i].unknown = (uint8_t)(*unknown < 255 ? *unknown : 255);
		cache->row[i].len = (uint8_t)len;
		memcpy(cache->row[i].text, s, len);
		return true;
	}
	*out = cache->row[i].gfp;
	*unknown = cache->row[i].unknown;
	return true;
}
