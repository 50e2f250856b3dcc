/* SPDX-License-Identifier: MIT
 *
 * The marks, reserves and per-CPU sizes that 6.1 computed, from the same settings and the same
 * zones.
 *
 * oracle/derived/watermarks.tsv holds, for each snapshot of each machine, the settings and all
 * zones. Each snapshot is made by hand (zones of the same managed pages in an otherwise empty
 * machine), computed, and compared.
 */
#include "oracle.h"

#include "base/parse.h"
#include "mm/sysctl_effect.h"
#include "mm/page/zone.h"

#define MAX_ROWS 16

enum column {
	MACHINE,
	SNAPSHOT,
	MIN_FREE,
	SCALE,
	RATIOS,
	FRACTION,
	NODE,
	ZONE,
	SPANNED,
	PRESENT,
	MANAGED,
	MIN,
	LOW,
	HIGH,
	BOOST,
	PROTECTION,
	PCP_HIGH,
	PCP_BATCH,
	NR_COLUMNS
};

struct row {
	const char *field[NR_COLUMNS];
};

static uint64_t number(const char *s)
{
	return strtoull(s, NULL, 10);
}

static enum zone_type type_of(const char *name)
{
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (!strcmp(zone_name(type), name))
			return type;
	cr_assert_fail("zone %s", name);
	return 0;
}

static unsigned count_fields(const char *list)
{
	unsigned n = *list != '\0';

	for (; *list; list++)
		n += *list == ',';
	return n;
}

/* A machine with the rows' zones and nothing else. */
static struct machine *make(struct arena *arena, const struct row *rows, unsigned n)
{
	struct refusal why = {0};
	uint64_t zones_at = (sizeof(struct machine) + 4095) & ~(uint64_t)4095;
	uint64_t bytes = zones_at + MAX_ROWS * MAX_NR_ZONES * sizeof(struct zone);

	cr_assert_eq(arena_init(arena, (bytes + 4095) & ~(uint64_t)4095, 0, &why), 0, "%s",
		why.sentence);
	struct machine *m = (struct machine *)arena->base;
	m->arena = *arena;
	m->zones_at = zones_at;
	sysctls_init(m);
	for (unsigned i = 0; i < n; i++) {
		const char *const *f = rows[i].field;
		unsigned nid = (unsigned)number(f[NODE]), cpus = count_fields(f[PCP_HIGH]);
		enum zone_type type = type_of(f[ZONE]);
		struct zone *z = zone_at(m, nid, type);

		*z = (struct zone){.type = type,
			.nid = nid,
			.spanned_pages = number(f[SPANNED]),
			.present_pages = number(f[PRESENT]),
			.managed_pages = number(f[MANAGED])};
		m->zone_mask |= 1u << type;
		m->nr_nodes = nid + 1 > m->nr_nodes ? nid + 1 : m->nr_nodes;
		m->nr_cpus = cpus > m->nr_cpus ? cpus : m->nr_cpus;
	}
	/* The oracle's machine with two nodes has a CPU in each. */
	for (unsigned cpu = 0; m->nr_nodes > 1 && cpu < m->nr_cpus; cpu++)
		m->cpu_node[cpu] = (uint8_t)(cpu % m->nr_nodes);
	return m;
}

static void set(struct machine *m, const struct row *row)
{
	const char *ratio = row->field[RATIOS];

	m->sysctls.value[SYSCTL_min_free_kbytes] = (int64_t)number(row->field[MIN_FREE]);
	m->sysctls.value[SYSCTL_watermark_scale_factor] = (int64_t)number(row->field[SCALE]);
	m->sysctls.value[SYSCTL_percpu_pagelist_high_fraction] =
		(int64_t)number(row->field[FRACTION]);
	cr_assert(sysctl_adopt(m, "lowmem_reserve_ratio", ratio, strlen(ratio)));
	zones_setup_watermarks(m);
	zones_setup_lowmem_reserve(m);
	zones_setup_pcp(m);
}

static void compare(const struct machine *m, const struct row *row)
{
	const char *const *f = row->field;
	struct zone *z = zone_at(m, (unsigned)number(f[NODE]), type_of(f[ZONE]));
	char protection[128] = "", *end = protection;

	z->watermark_boost = number(f[BOOST]);
	cr_expect_eq(wmark_pages(z, WMARK_MIN), number(f[MIN]), "%s %s %s: min %lu", f[0], f[1],
		f[ZONE], wmark_pages(z, WMARK_MIN));
	cr_expect_eq(wmark_pages(z, WMARK_LOW), number(f[LOW]), "%s %s %s: low %lu", f[0], f[1],
		f[ZONE], wmark_pages(z, WMARK_LOW));
	cr_expect_eq(wmark_pages(z, WMARK_HIGH), number(f[HIGH]), "%s %s %s: high %lu", f[0], f[1],
		f[ZONE], wmark_pages(z, WMARK_HIGH));
	for (unsigned type = 0; type < MAX_NR_ZONES; type++)
		if (zone_configured(m, type))
			end += sprintf(end, "%s%ld", end == protection ? "" : ",",
				z->lowmem_reserve[type]);
	cr_expect_str_eq(protection, f[PROTECTION], "%s %s %s", f[0], f[1], f[ZONE]);
	if (!*f[PCP_HIGH])
		return;
	cr_expect_eq(z->pcp_high, number(f[PCP_HIGH]), "%s %s %s: pcp high %lu", f[0], f[1],
		f[ZONE], z->pcp_high);
	cr_expect_eq(z->pcp_batch, number(f[PCP_BATCH]), "%s %s %s: batch %lu", f[0], f[1], f[ZONE],
		z->pcp_batch);
}

/* Computed before the kernel's init memory was freed, and not again until the snapshot (the
 * oracle's README). */
static bool stale(const struct row *row)
{
	const char *const *f = row->field;

	return !strcmp(f[SNAPSHOT], "13-thp/00-default") ||
	       (!strcmp(f[SNAPSHOT], "12-sysctl/00-default") && !strcmp(f[MACHINE], "armhf-2g") &&
		       !strcmp(f[ZONE], "HighMem"));
}

static unsigned run_snapshot(const struct row *rows, unsigned n)
{
	struct arena arena;
	unsigned compared = 0;

	if (!n || !*rows[0].field[MIN_FREE])
		return 0;
	struct machine *m = make(&arena, rows, n);
	set(m, &rows[0]);
	for (unsigned i = 0; i < n; i++) {
		if (stale(&rows[i]))
			continue;
		compare(m, &rows[i]);
		compared++;
	}
	arena_finish(&arena);
	return compared;
}

Test(watermarks, every_snapshot_with_settings)
{
	char *text = oracle_need("derived/watermarks.tsv"), *save = NULL;
	struct row rows[MAX_ROWS];
	unsigned n = 0, compared = 0;

	strtok_r(text, "\n", &save); /* the header */
	for (char *line; (line = strtok_r(NULL, "\n", &save));) {
		struct row row;
		unsigned fields = tsv_fields(line, row.field, NR_COLUMNS);

		while (fields < NR_COLUMNS)
			row.field[fields++] = "";
		if (n && (strcmp(rows[0].field[SNAPSHOT], row.field[SNAPSHOT]) ||
				 strcmp(rows[0].field[MACHINE], row.field[MACHINE]))) {
			compared += run_snapshot(rows, n);
			n = 0;
		}
		cr_assert_lt(n, MAX_ROWS);
		rows[n++] = row;
	}
	compared += run_snapshot(rows, n);
	cr_expect_gt(compared, 300, "%u", compared);
	free(text);
}

/* The machine of one row: min_free_kbytes that the kernel itself chose, with and without huge
 * pages. */
Test(watermarks, min_free_kbytes_follows_huge_pages)
{
	static const char *const dma[NR_COLUMNS] = {[NODE] = "0",
		[ZONE] = "DMA",
		[SPANNED] = "4095",
		[PRESENT] = "3998",
		[MANAGED] = "3840",
		[PCP_HIGH] = "1"};
	static const char *const dma32[NR_COLUMNS] = {[NODE] = "0",
		[ZONE] = "DMA32",
		[SPANNED] = "258010",
		[PRESENT] = "258010",
		[MANAGED] = "242093",
		[PCP_HIGH] = "1"};
	struct row rows[2];
	struct arena arena;

	memcpy(rows[0].field, dma, sizeof(dma));
	memcpy(rows[1].field, dma32, sizeof(dma32));
	struct machine *m = make(&arena, rows, 2);
	config_put(&m->config, CONFIG_TRANSPARENT_HUGEPAGE, true);
	m->pageblock_order = 9;
	m->sysctls.value[SYSCTL_min_free_kbytes] = 45056;
	zones_setup_watermarks(m);
	cr_expect_eq(sysctl_set(m, SYSCTL_thp_enabled, THP_NEVER), 0);
	/* oracle, amd64-1g, 13-thp: 3828 after `never`, 45056 again after `madvise`. */
	cr_expect_eq(m->sysctls.value[SYSCTL_min_free_kbytes], 3828, "%ld",
		m->sysctls.value[SYSCTL_min_free_kbytes]);
	cr_expect_eq(sysctl_set(m, SYSCTL_thp_enabled, THP_MADVISE), 0);
	cr_expect_eq(m->sysctls.value[SYSCTL_min_free_kbytes], 45056);
	arena_finish(&arena);
}
