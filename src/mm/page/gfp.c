/* SPDX-License-Identifier: MIT
 *
 * GFP flags: what a request for pages says about itself.
 *
 * Four of the bits choose the zone, two the migratetype, the others how far the allocator may go:
 *
 *	__GFP_DMA  __GFP_DMA32  __GFP_HIGHMEM  __GFP_MOVABLE     highest zone that will do
 *	    -           -             -              any         Normal
 *	    x           -             -              any         DMA      (Normal where there is none)
 *	    -           x             -              any         DMA32    (Normal where there is none)
 *	    -           -             x               -          HighMem  (Normal where there is none)
 *	    -           -             x               x          Movable
 *
 * Other combinations are errors in the caller. The migratetype is Movable or Reclaimable when the bit says
 * so, else Unmovable. Printing goes by the kernel's list of names: a name is printed when all its bits are
 * there and not yet printed, so GFP_KERNEL|__GFP_ZERO has two words and not five.
 *
 * Follows include/linux/gfp.h, gfp_types.h and lib/vsprintf.c (%pGg) of 6.1.
 */
#include "mm/page/page_alloc.h"

#include "base/parse.h"
#include "base/text.h"
#include "mm/page/zone.h"

#include <errno.h>
#include <string.h>

struct gfp_row {
	const char *name;
	gfp_t value;
	const char *doc;
};

static const struct gfp_row rows[] = {
#define GFP_BIT(name, bit, doc) {#name, 1u << (bit), doc},
#include "mm/page/gfp.def"
#define GFP_MASK(name, value, doc) {#name, (value), doc},
#include "mm/page/gfp.def"
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct {
	const char *name;
	gfp_t value;
} printed[] = {
#define GFP_NAME(name) {#name, name},
#include "mm/page/gfp.def"
};

static const gfp_t known_bits = 0
#define GFP_BIT(name, bit, doc) | 1u << (bit)
#include "mm/page/gfp.def"
	;

bool gfp_nth(unsigned i, const char **name, gfp_t *value, const char **doc)
{
	if (i >= NR_ROWS)
		return false;
	*name = rows[i].name;
	*value = rows[i].value;
	*doc = rows[i].doc;
	return true;
}

static int parse_word(const char *word, size_t len, gfp_t *out, struct refusal *why)
{
	uint64_t number;

	for (unsigned i = 0; i < NR_ROWS; i++) {
		if (parse_is(word, len, rows[i].name)) {
			*out |= rows[i].value;
			return 0;
		}
	}
	if (len && word[0] >= '0' && word[0] <= '9' && parse_u64(word, len, 0, &number)) {
		if (number & ~(uint64_t)known_bits)
			return refuse(why, EINVAL,
				"0x%llx has bits that are no GFP flags of Linux 6.1 (all: 0x%x)",
				(unsigned long long)number, known_bits);
		*out |= (gfp_t)number;
		return 0;
	}
	const char *names[NR_ROWS];
	for (unsigned i = 0; i < NR_ROWS; i++)
		names[i] = rows[i].name;
	return refuse(why, EINVAL,
		"`%.*s` is no GFP flag; the nearest is %s (join flags by | or +)",
		(int)(len < 64 ? len : 64), word, parse_nearest(word, len, names, NR_ROWS));
}

int gfp_parse(const char *s, size_t len, gfp_t *out, struct refusal *why)
{
	gfp_t gfp = 0;

	for (size_t at = 0; at <= len;) {
		size_t end = at;

		while (end < len && s[end] != '|' && s[end] != '+')
			end++;
		int err = parse_word(s + at, end - at, &gfp, why);
		if (err)
			return err;
		at = end + 1;
	}
	*out = gfp;
	return 0;
}

void gfp_print(gfp_t gfp, struct text *out)
{
	const char *joint = "";

	if (!gfp) {
		text_puts(out, "none");
		return;
	}
	for (unsigned i = 0; i < sizeof(printed) / sizeof(printed[0]) && gfp; i++) {
		if ((gfp & printed[i].value) != printed[i].value)
			continue;
		text_puts(out, joint);
		text_puts(out, printed[i].name);
		joint = "|";
		gfp &= ~printed[i].value;
	}
	if (gfp)
		text_printf(out, "%s0x%x", joint, gfp);
}

int gfp_refuse(gfp_t gfp, struct refusal *why)
{
	gfp_t zone = gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM);

	if (zone & (zone - 1))
		return refuse(why, EINVAL,
			"of __GFP_DMA, __GFP_DMA32 and __GFP_HIGHMEM a request has at most one");
	return refuse(why, EINVAL, "a page is __GFP_MOVABLE or __GFP_RECLAIMABLE, not both");
}
