/* SPDX-License-Identifier: MIT
 *
 * Figures that are derived from counters: MemAvailable, CommitLimit, the dirty limits, LowFree.
 *
 * The counters of the oracle's machines at boot are set into machines made by hand, and the derived figures must be
 * those that the kernel printed beside them. The files were not read in one instant, so the free pages of the
 * file in question are used: the largest zone is adjusted.
 */
#include "made.h"
#include "oracle.h"

#include "mm/page/zone.h"
#include "mm/process/mm.h"
#include "view/memory_size.h"

/* The number behind @name at the beginning of a line. */
static uint64_t field(const char *text, const char *name)
{
	char key[64];
	int len = snprintf(key, sizeof(key), "\n%s", name);
	const char *at = strncmp(text, name, strlen(name)) ? strstr(text, key) : text - 1;

	cr_assert(at, "%s", name);
	return strtoull(at + len, NULL, 10);
}

static char *read_of(const struct oracle_machine *o, const char *file)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/proc/%s", o->name, file);
	return oracle_need(path);
}

/* Free pages and marks of every zone, which a later recomputation may have left behind (the oracle's README). */
static void set_zones(struct machine *m, char *zoneinfo)
{
	struct zone *z = zone_next(m, NULL);
	char *save = NULL;
	unsigned long value;
	bool first = true;

	for (char *line = strtok_r(zoneinfo, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "Node ", 5)) {
			z = first ? z : zone_next(m, z);
			first = false;
		}
		cr_assert(z);
		if (sscanf(line, " pages free %lu", &value) == 1)
			z->free_pages = value;
		if (sscanf(line, " min %lu", &value) == 1)
			z->watermark[WMARK_MIN] = value;
		if (sscanf(line, " low %lu", &value) == 1)
			z->watermark[WMARK_LOW] = value;
		if (sscanf(line, " high %lu", &value) == 1)
			z->watermark[WMARK_HIGH] = value;
		char *reserve = strstr(line, "protection: (");
		if (reserve)
			memset(z->lowmem_reserve, 0, sizeof(z->lowmem_reserve));
		for (unsigned type = 0; reserve && type < MAX_NR_ZONES; type++)
			if (zone_configured(m, type)) {
				reserve = strpbrk(reserve, "0123456789");
				z->lowmem_reserve[type] = (int64_t)strtoull(reserve, &reserve, 10);
			}
	}
	zones_setup_totalreserve(m);
}

/* Move the free pages of the largest zone so that all together are @pages. */
static void set_free(struct machine *m, uint64_t pages)
{
	struct zone *largest = zone_next(m, NULL);

	for (struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z))
		if (z->managed_pages > largest->managed_pages)
			largest = z;
	largest->free_pages += pages - zone_stat_total(m, ZS_nr_free_pages);
}

Test(derived, as_the_kernel_derived_them)
{
	for (unsigned i = 0; i < NR_ORACLES; i++) {
		const struct oracle_machine *o = &oracles[i];
		char *zoneinfo = read_of(o, "zoneinfo"), *meminfo = read_of(o, "meminfo");
		char *vmstat = read_of(o, "vmstat");
		struct machine *m = made_machine(o);
		uint64_t background, limit;

		cr_assert(m);
		set_zones(m, zoneinfo);
		struct node *n = node_at(m, 0);
		n->stat[ND_nr_active_file] = field(meminfo, "Active(file):") / 4;
		n->stat[ND_nr_inactive_file] = field(meminfo, "Inactive(file):") / 4;
		n->stat[ND_nr_slab_reclaimable] = field(meminfo, "KReclaimable:") / 4;
		set_free(m, field(meminfo, "MemFree:") / 4);
		cr_expect_eq(memory_available_pages(m) * 4, field(meminfo, "MemAvailable:"),
			"%s: %lu", o->name, memory_available_pages(m) * 4);
		/* Huge pages that a command line reserved do not count. */
		uint64_t huge_kb =
			machine_has(m, CONFIG_HUGETLB_PAGE) ? field(meminfo, "Hugetlb:") : 0;
		cr_expect_eq(vm_commit_limit(m) * 4 - huge_kb / 2, field(meminfo, "CommitLimit:"),
			"%s: %lu", o->name, vm_commit_limit(m) * 4);
		set_free(m, field(vmstat, "nr_free_pages"));
		memory_dirty_limits(m, &background, &limit);
		cr_expect_eq(limit, field(vmstat, "nr_dirty_threshold"), "%s: %lu", o->name, limit);
		cr_expect_eq(background, field(vmstat, "nr_dirty_background_threshold"), "%s: %lu",
			o->name, background);
		made_destroy(m);
		free(zoneinfo);
		free(meminfo);
		free(vmstat);
	}
}
