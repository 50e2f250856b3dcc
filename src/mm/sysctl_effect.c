/* SPDX-License-Identifier: MIT
 *
 * What follows from setting a value (core/sysctl.c keeps them; the column `effect` of fs-layout/sysctl.def names it).
 *
 * A value is stored first and takes effect then, as in the kernel's handlers; the few handlers that look at the new value
 * and refuse it put the old one back. Those that belong to parts of memory management that are not here yet only keep
 * their value. Follows kernel/sysctl.c, mm/page_alloc.c, mm/page-writeback.c, mm/util.c of Linux 6.1.
 */
#include "mm/sysctl_effect.h"

#include "base/parse.h"
#include "mm/machine.h"
#include "mm/move/compaction.h"
#include "mm/page/hugetlb.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"

#include <errno.h>
#include <string.h>

#define MIN_PCP_HIGH_FRACTION 8

enum effect {
	EFFECT_NONE,
	EFFECT_COMPACT,
	EFFECT_DIRTY_BACKGROUND_BYTES,
	EFFECT_DIRTY_BACKGROUND_RATIO,
	EFFECT_DIRTY_BYTES,
	EFFECT_DIRTY_RATIO,
	EFFECT_DROP_CACHES,
	EFFECT_FAULT_AROUND,
	EFFECT_HUGEPAGES,
	EFFECT_LOWMEM_RESERVE,
	EFFECT_MIN_FREE,
	EFFECT_OVERCOMMIT_KBYTES,
	EFFECT_OVERCOMMIT_RATIO,
	EFFECT_PCP_FRACTION,
	EFFECT_PROACTIVE,
	EFFECT_THP,
	EFFECT_WATERMARKS
};

static const uint8_t effects[NR_SYSCTLS] = {
#define SYSCTL(name, need, when, path, mode, type, min, max, dflt, effect, doc)                    \
	[SYSCTL_##name] = EFFECT_##effect,
#include "sysctl.def"
};

static int set_pcp_fraction(struct machine *m, int64_t old)
{
	int64_t *fraction = &m->sysctls.value[SYSCTL_percpu_pagelist_high_fraction];

	if (*fraction && *fraction < MIN_PCP_HIGH_FRACTION) {
		*fraction = old;
		return refuse(&m->why, EINVAL, "percpu_pagelist_high_fraction is 0, or %d and more",
			MIN_PCP_HIGH_FRACTION);
	}
	if (*fraction != old)
		zones_setup_pcp(m);
	return 0;
}

/* Objects of slab caches are in use as long as they exist here: dropping them finds none. */
static void drop_caches(struct machine *m)
{
	int64_t *how = &m->sysctls.value[SYSCTL_drop_caches];

	if (*how & 1) {
		page_cache_drop(m, 0);
		count_event(m, EV_drop_pagecache, 1);
	}
	if (*how & 2)
		count_event(m, EV_drop_slab, 1);
	if (!(*how & 4))
		log_printf(m, "drop_caches: %lld", (long long)*how);
}

/* The value of one switch off is the other's: of bytes and ratio only the last one written counts.
 */
static void set_other(
	struct machine *m, enum sysctl_id id, enum sysctl_id other, int64_t old, bool always)
{
	if (always || m->sysctls.value[id] != old)
		m->sysctls.value[other] = 0;
}

static void set_fault_around(struct machine *m)
{
	int64_t *bytes = &m->sysctls.value[SYSCTL_fault_around_bytes];
	uint64_t power = PAGE_BYTES;

	while (power * 2 <= (uint64_t)*bytes && power < (uint64_t)1 << 62)
		power *= 2;
	*bytes = (int64_t)power;
}

int sysctl_written(struct machine *m, enum sysctl_id id, int64_t old)
{
	switch ((enum effect)effects[id]) {
	case EFFECT_NONE:
		break;
	case EFFECT_COMPACT:
		compact_job_begin(m, -1);
		break;
	case EFFECT_DIRTY_BACKGROUND_BYTES:
		set_other(m, id, SYSCTL_dirty_background_ratio, old, true);
		break;
	case EFFECT_DIRTY_BACKGROUND_RATIO:
		set_other(m, id, SYSCTL_dirty_background_bytes, old, true);
		break;
	case EFFECT_DIRTY_BYTES:
		set_other(m, id, SYSCTL_dirty_ratio, old, false);
		break;
	case EFFECT_DIRTY_RATIO:
		set_other(m, id, SYSCTL_dirty_bytes, old, false);
		break;
	case EFFECT_DROP_CACHES:
		drop_caches(m);
		break;
	case EFFECT_FAULT_AROUND:
		set_fault_around(m);
		break;
	case EFFECT_HUGEPAGES:
		hugetlb_resize_begin(m, (uint64_t)m->sysctls.value[id], -1);
		break;
	case EFFECT_LOWMEM_RESERVE:
		zones_setup_lowmem_reserve(m);
		break;
	case EFFECT_MIN_FREE:
		m->sysctls.user_min_free_kbytes = m->sysctls.value[SYSCTL_min_free_kbytes];
		zones_setup_watermarks(m);
		break;
	case EFFECT_OVERCOMMIT_KBYTES:
		set_other(m, id, SYSCTL_overcommit_ratio, old, true);
		break;
	case EFFECT_OVERCOMMIT_RATIO:
		set_other(m, id, SYSCTL_overcommit_kbytes, old, true);
		break;
	case EFFECT_PCP_FRACTION:
		return set_pcp_fraction(m, old);
	case EFFECT_PROACTIVE:
		if (m->sysctls.value[id])
			kcompactd_trigger(m);
		break;
	case EFFECT_THP:
		zones_thp_changed(m);
		break;
	case EFFECT_WATERMARKS:
		zones_setup_watermarks(m);
		break;
	}
	return 0;
}

/* "256\t32\t0\t0": one ratio for each zone that the kernel has, in order. */
static void adopt_ratios(struct machine *m, const char *text, size_t len)
{
	size_t at = 0;

	for (unsigned z = 0; z < MAX_NR_ZONES; z++) {
		int64_t ratio;

		if (!zone_configured(m, z))
			continue;
		while (at < len && (text[at] == ' ' || text[at] == '\t'))
			at++;
		size_t word = at;
		while (word < len && text[word] != ' ' && text[word] != '\t')
			word++;
		if (!parse_s64(text + at, word - at, &ratio) || ratio < 0 || ratio > INT32_MAX)
			break;
		m->sysctls.lowmem_reserve_ratio[z] = ratio;
		at = word;
	}
	zones_setup_lowmem_reserve(m);
}

bool sysctl_adopt(struct machine *m, const char *name, const char *text, size_t len)
{
	static const char dir[] = "proc/sys/vm/";
	int64_t value, least, most;

	for (unsigned id = 0; id < NR_SYSCTLS; id++) {
		const char *path = sysctl_path(id);

		if (strncmp(path, dir, sizeof(dir) - 1) || strcmp(path + sizeof(dir) - 1, name))
			continue;
		if (id == SYSCTL_lowmem_reserve_ratio) {
			adopt_ratios(m, text, len);
			return true;
		}
		sysctl_range(m, id, &least, &most);
		/* The triggers have nothing to adopt, and 0 is a value of the bytes that are off.
		 */
		if (id == SYSCTL_drop_caches || id == SYSCTL_compact_memory ||
			id == SYSCTL_stat_refresh || !parse_s64(text, len, &value) ||
			(value && (value < least || (most > 0 && value > most))))
			return false;
		/* What the kernel computed at boot was not written by a user, and does not bind a
		 * later write. */
		m->sysctls.value[id] = value;
		if (effects[id] == EFFECT_MIN_FREE || effects[id] == EFFECT_WATERMARKS)
			zones_setup_watermarks(m);
		else if (effects[id] == EFFECT_PCP_FRACTION)
			zones_setup_pcp(m);
		else if (id == SYSCTL_nr_hugepages)
			hugetlb_resize(m, (uint64_t)value, -1);
		return true;
	}
	return false;
}
