/* SPDX-License-Identifier: MIT
 *
 * sim/bus: the memory bus, its arbiter, and what each master had of it.
 *
 *	master     priority transactions        bytes       cycles       waited
 *	cpu0              0         4096       262144        40960         2310
 *
 * Of the CPUs only what they did while devices worked is counted: with the bus for themselves they never wait.
 */
#include "view/device.h"

#include "base/parse.h"
#include "view/files.h"

#include <errno.h>
#include <stdio.h>

typedef unsigned long long ull;

static const char *const arbiters[NR_BUS_ARBITERS] = {
	[BUS_FIXED] = "fixed", [BUS_ROUND_ROBIN] = "round-robin"};

int show_bus_arbiter(struct view *v, struct text *out)
{
	for (unsigned i = 0; i < NR_BUS_ARBITERS; i++)
		text_printf(out, i == v->m->devices.bus.arbiter ? "%s[%s]" : "%s%s", i ? " " : "",
			arbiters[i]);
	text_putc(out, '\n');
	return 0;
}

int64_t store_bus_arbiter(struct view *v, const char *data, size_t len)
{
	size_t n = len;

	while (n && (data[n - 1] == '\n' || data[n - 1] == ' '))
		n--;
	for (unsigned i = 0; i < NR_BUS_ARBITERS; i++)
		if (parse_is(data, n, arbiters[i])) {
			v->m->devices.bus.arbiter = i;
			return (int64_t)len;
		}
	return refuse(&v->m->why, EINVAL, "the arbiter is fixed or round-robin");
}

int show_bus_cpu_priority(struct view *v, struct text *out)
{
	text_printf(out, "%u\n", v->m->devices.cpu_priority);
	return 0;
}

int64_t store_bus_cpu_priority(struct view *v, const char *data, size_t len)
{
	uint64_t priority;
	int err = device_number(v, data, len, 0, 255, &priority);

	if (err)
		return err;
	v->m->devices.cpu_priority = (uint32_t)priority;
	return (int64_t)len;
}

static void put_master(
	struct text *out, const char *name, const struct bus_master *b, uint32_t priority)
{
	text_printf(out, "%-24s %8u %12llu %12llu %12llu %12llu\n", name, priority,
		(ull)b->transactions, (ull)b->bytes, (ull)b->busy_ns, (ull)b->waited_ns);
}

int show_bus_masters(struct view *v, struct text *out)
{
	const struct machine *m = v->m;

	text_printf(out, "%-24s %8s %12s %12s %12s %12s\n", "master", "priority", "transactions",
		"bytes", "cycles", "waited");
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		char name[16];

		snprintf(name, sizeof(name), "cpu%u", cpu);
		put_master(out, name, &m->devices.cpu_master[cpu], m->devices.cpu_priority);
	}
	for (const struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1))
		if (d->made || d->hw.master.transactions)
			put_master(out, d->name, &d->hw.master, d->hw.master.priority);
	return 0;
}
