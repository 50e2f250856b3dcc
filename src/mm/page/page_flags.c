/* SPDX-License-Identifier: MIT
 *
 * page.flags for those who print it: page_owner, slab's reports. A frame keeps its flags in its own order and its node
 * and zone elsewhere; the kernel's word is put together here, with the bits of a 64-bit kernel with NUMA balancing, or of
 * a 32-bit one.
 * Format: format_page_flags() of lib/vsprintf.c, include/linux/page-flags.h of 6.1.
 */
#include "mm/page/page_flags.h"

#include "base/text.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"

typedef unsigned long long ull;

/* enum pageflags, lowest bit first, as %pGp names them. */
static const struct {
	uint32_t frame;
	unsigned bit;
	const char *name;
} page_flags[] = {
	{FRAME_LOCKED, 0, "locked"},
	{FRAME_REFERENCED, 1, "referenced"},
	{FRAME_UPTODATE, 2, "uptodate"},
	{FRAME_DIRTY, 3, "dirty"},
	{FRAME_LRU, 4, "lru"},
	{FRAME_ACTIVE, 5, "active"},
	{FRAME_WORKINGSET, 6, "workingset"},
	{FRAME_ERROR, 8, "error"},
	{FRAME_SLAB, 9, "slab"},
	{FRAME_OWNER_PRIVATE, 10, "owner_priv_1"},
	{FRAME_RESERVED, 12, "reserved"},
	{FRAME_WRITEBACK, 15, "writeback"},
	{FRAME_HEAD, 16, "head"},
	{FRAME_ANON_EXCLUSIVE, 17, "mappedtodisk"}, /* PG_anon_exclusive is the same bit */
	{FRAME_RECLAIM, 18, "reclaim"},
	{FRAME_SWAPBACKED, 19, "swapbacked"},
	{FRAME_UNEVICTABLE, 20, "unevictable"},
	{FRAME_MLOCKED, 21, "mlocked"},
};

void page_flags_print(const struct machine *m, uint64_t pfn, struct text *out)
{
	const struct frame *f = frame_of(m, pfn);
	const struct zone *z = pfn_zone(m, pfn);
	bool wide = machine_has(m, CONFIG_64BIT);
	uint64_t zone = zone_to_index(m, z->type), word;

	word = wide ? (uint64_t)z->nid << 54 | zone << 51 | 0x1fffffULL << 30 : zone << 30;
	for (unsigned i = 0; i < sizeof(page_flags) / sizeof(page_flags[0]); i++)
		if (f->flags & page_flags[i].frame)
			word |= 1ULL << page_flags[i].bit;
	text_printf(out, "0x%llx(", (ull)word);
	for (unsigned i = 0; i < sizeof(page_flags) / sizeof(page_flags[0]); i++)
		if (f->flags & page_flags[i].frame)
			text_printf(out, "%s|", page_flags[i].name);
	if (wide)
		text_printf(out, "node=%u|zone=%llu|lastcpupid=0x1fffff)", z->nid, (ull)zone);
	else
		text_printf(out, "zone=%llu)", (ull)zone);
}
