/* SPDX-License-Identifier: MIT
 *
 * Bus addresses in sim/addr (see addr.h): the way there, and the way back.
 *
 *	bus        0xc0100000
 *	for        fe201000.serial, fe340000.mmc, fe300000.mmc and 61 more
 *	way        a window of the bus (dma-ranges)
 *	physical   0x100000
 *	...        the same as of sim/addr/phys:0x100000
 *
 *	for        camera
 *	way        the IOMMU's tables, rw
 *	physical   0x4a3000
 *	...
 *
 *	for        fd580000.ethernet
 *	way        none: no window of the bus has it, and the bus aborts
 *
 * An address means nothing without the device that says it. Devices for which it leads to the same place by the same way
 * are told together, those for which it leads nowhere at the end.
 */
#include "view/addr.h"

#include "view/files.h"

#include "mm/dma/iommu.h"

#include <stdio.h>

enum { BUSES_MOST = 8, WAYS_MOST = 12, NAMES_MOST = 3 };

typedef unsigned long long ull;

/* ---- what the byte is called there ---- */

struct said {
	uint64_t bus[BUSES_MOST];
	unsigned nr;
};

static void say_bus(
	struct said *s, uint64_t bus, const struct device *d, const char *how, struct text *out)
{
	for (unsigned i = 0; i < s->nr; i++)
		if (s->bus[i] == bus)
			return;
	if (s->nr == BUSES_MOST)
		return;
	s->bus[s->nr++] = bus;
	text_printf(out, ADDR_KEY "0x%llx for %s%s\n", "bus", (ull)bus, d->name, how);
}

/* Addresses by which the device's IOMMU leads to @pa. */
static void say_iovas(
	struct machine *m, struct said *s, const struct device *d, uint64_t pa, struct text *out)
{
	const struct iommu_domain *x = iommu_domain_of(m, d);
	uint64_t at = 0, to, bytes;
	unsigned rights;

	for (; s->nr < BUSES_MOST && iommu_next_mapping(m, x, at, &at, &to, &bytes, &rights);
		at += bytes)
		if (pa - to < bytes)
			say_bus(s, at + (pa - to), d, ", by its IOMMU", out);
}

void addr_put_bus(struct addr *a, struct text *out)
{
	struct said s = {.nr = 0};
	uint64_t bus;

	/* On a bus without windows. */
	text_printf(out, ADDR_KEY "0x%llx\n", "bus", (ull)a->pa);
	for (const struct device *d = device_from(a->m, 1); d; d = device_from(a->m, d->id + 1)) {
		if (iommu_translates(a->m, d))
			say_iovas(a->m, &s, d, a->pa, out);
		else if (d->hw.windowed && hw_device_bus_of(&d->hw, a->pa, &bus) && bus != a->pa)
			say_bus(&s, bus, d, "", out);
	}
}

/* ---- where it leads ---- */

enum way {
	WAY_DIRECT,
	WAY_WINDOW,
	WAY_IOMMU,
	WAY_NO_WINDOW, /* from here on: nowhere */
	WAY_NO_MAPPING,
	WAY_NO_LINES,
};

static const char *const way_words[] = {
	[WAY_DIRECT] = "one to one: the bus has no windows",
	[WAY_WINDOW] = "a window of the bus (dma-ranges)",
	[WAY_IOMMU] = "the IOMMU's tables",
	[WAY_NO_WINDOW] = "none: no window of the bus has it, and the bus aborts",
	[WAY_NO_MAPPING] = "none: the IOMMU has no mapping of it, which is a fault",
	[WAY_NO_LINES] = "none: the device drives fewer address lines",
};

struct route {
	enum way way;
	unsigned rights;
	uint64_t pa;
	const char *name[NAMES_MOST];
	unsigned nr; /* devices */
};

static struct route route_of(struct machine *m, const struct device *d, uint64_t bus)
{
	struct route r = {.way = WAY_NO_LINES};
	uint64_t left;

	if (hw_device_lines(&d->hw, bus) != bus)
		return r;
	if (iommu_translates(m, d)) {
		r.pa = iommu_iova_to_phys(m, iommu_domain_of(m, d), bus, &left, &r.rights);
		r.way = r.pa == UINT64_MAX ? WAY_NO_MAPPING : WAY_IOMMU;
	} else if (d->iommu && !d->iommu_at) {
		r.way = WAY_NO_MAPPING;
	} else if (hw_device_route(&d->hw, bus, &r.pa, &left)) {
		r.way = d->hw.windowed ? WAY_WINDOW : WAY_DIRECT;
	} else {
		r.way = WAY_NO_WINDOW;
	}
	return r;
}

static bool same_route(const struct route *a, const struct route *b)
{
	return a->way == b->way &&
	       (a->way >= WAY_NO_WINDOW || (a->pa == b->pa && a->rights == b->rights));
}

/* The routes of all devices; how many differ. */
static unsigned find_routes(struct machine *m, uint64_t bus, struct route *routes)
{
	unsigned nr = 0;

	for (const struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1)) {
		struct route r = route_of(m, d, bus);
		unsigned i = 0;

		while (i < nr && !same_route(&routes[i], &r))
			i++;
		if (i == WAYS_MOST)
			continue;
		if (i == nr)
			routes[nr++] = r;
		if (routes[i].nr < NAMES_MOST)
			routes[i].name[routes[i].nr] = d->name;
		routes[i].nr++;
	}
	return nr;
}

static void put_route(struct machine *m, const struct route *r, struct text *out)
{
	text_printf(out, ADDR_KEY, "for");
	for (unsigned i = 0; i < r->nr && i < NAMES_MOST; i++)
		text_printf(out, "%s%s", i ? ", " : "", r->name[i]);
	if (r->nr > NAMES_MOST)
		text_printf(out, " and %u more", r->nr - NAMES_MOST);
	text_printf(out, "%s\n" ADDR_KEY "%s", r->nr ? "" : "devices of a bus without windows",
		"way", way_words[r->way]);
	if (r->way == WAY_IOMMU)
		text_printf(out, ", %s%s", r->rights & IOMMU_READ ? "r" : "-",
			r->rights & IOMMU_WRITE ? "w" : "-");
	text_putc(out, '\n');
	if (r->way < WAY_NO_WINDOW)
		addr_put_physical(m, r->pa, out);
}

int show_addr_bus(struct view *v, struct text *out)
{
	uint64_t bus = v->arg[0];
	struct route routes[WAYS_MOST] = {{.way = WAY_DIRECT, .pa = bus}};
	unsigned nr = find_routes(v->m, bus, routes), put = 0;

	text_printf(out, ADDR_KEY "0x%llx\n", "bus", (ull)bus);
	/* Of a machine without devices it is told as if there were some. */
	for (unsigned nowhere = 0; nowhere < 2; nowhere++)
		for (unsigned i = 0; i < (nr ? nr : 1); i++) {
			if ((routes[i].way >= WAY_NO_WINDOW) != nowhere)
				continue;
			if (put++)
				text_putc(out, '\n');
			put_route(v->m, &routes[i], out);
		}
	return 0;
}
