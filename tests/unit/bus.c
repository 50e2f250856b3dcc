/* SPDX-License-Identifier: MIT
 *
 * The arbiter by hand: who gets the bus when, and what the others wait.
 *
 *	64 bytes take 2 + 8 cycles
 */
#include "hw/bus.h"
#include "hw/device.h"

#include <criterion/criterion.h>
#include <string.h>

static void ask(struct bus_master *m, uint64_t at, uint32_t bytes)
{
	m->request_ns = at;
	m->request_bytes = bytes;
}

static unsigned grant(struct bus *b, struct bus_master *m, unsigned nr)
{
	struct bus_master *all[8];

	for (unsigned i = 0; i < nr; i++)
		all[i] = &m[i];
	return bus_grant(b, all, nr);
}

static void masters(struct bus_master *m, unsigned nr)
{
	memset(m, 0, nr * sizeof(*m));
	for (unsigned i = 0; i < nr; i++) {
		m[i].id = i + 1;
		m[i].request_ns = BUS_NEVER;
	}
}

Test(bus, nobody_asks)
{
	struct bus_master m[2], *all[2] = {&m[0], &m[1]};
	struct bus b = {0};

	masters(m, 2);
	cr_expect_eq(bus_next_ns(&b, all, 2), BUS_NEVER);
	ask(&m[1], 70, 4);
	cr_expect_eq(bus_next_ns(&b, all, 2), 70);
	b.free_ns = 100;
	cr_expect_eq(bus_next_ns(&b, all, 2), 100);
}

Test(bus, who_asked_before_the_bus_was_free_is_chosen_by_priority)
{
	struct bus_master m[3];
	struct bus b = {.arbiter = BUS_FIXED};

	masters(m, 3);
	m[2].priority = 7;
	ask(&m[0], 0, 64);
	ask(&m[1], 3, 64);
	ask(&m[2], 4, 64);
	/* At 0 only the first has asked. */
	cr_expect_eq(grant(&b, m, 3), 0);
	cr_expect_eq(b.free_ns, 10);
	cr_expect_eq(grant(&b, m, 3), 2);
	cr_expect_eq(m[2].waited_ns, 6);
	cr_expect_eq(grant(&b, m, 3), 1);
	cr_expect_eq(m[1].waited_ns, 17);
	cr_expect_eq(b.busy_ns, 30);
	cr_expect_eq(m[1].request_ns, BUS_NEVER);
}

Test(bus, equals_go_by_how_long_they_wait)
{
	struct bus_master m[3];
	struct bus b = {.arbiter = BUS_FIXED, .free_ns = 50};

	masters(m, 3);
	ask(&m[0], 9, 8);
	ask(&m[1], 5, 8);
	ask(&m[2], 7, 8);
	cr_expect_eq(grant(&b, m, 3), 1);
	cr_expect_eq(grant(&b, m, 3), 2);
	cr_expect_eq(grant(&b, m, 3), 0);
}

/* All of them want it all the time: with priorities one has everything, in turns each has its share. */
Test(bus, starvation_and_turns)
{
	for (unsigned arbiter = 0; arbiter < NR_BUS_ARBITERS; arbiter++) {
		struct bus_master m[4];
		struct bus b = {.arbiter = arbiter};

		masters(m, 4);
		for (unsigned i = 0; i < 4; i++) {
			m[i].priority = i;
			ask(&m[i], 0, 32);
		}
		for (unsigned n = 0; n < 400; n++) {
			unsigned i = grant(&b, m, 4);

			ask(&m[i], b.free_ns, 32);
		}
		for (unsigned i = 0; i < 4; i++)
			cr_expect_eq(m[i].transactions,
				arbiter == BUS_ROUND_ROBIN ? 100
				: i == 3		   ? 400
							   : 0,
				"arbiter %u, master %u: %d", arbiter, i, (int)m[i].transactions);
		cr_expect_eq(b.free_ns, b.busy_ns, "never idle");
	}
}

Test(device, lines_and_windows)
{
	struct hw_device d = {.address_bits = 24};
	uint64_t pa, left, bus;

	cr_expect_eq(hw_device_lines(&d, 0x12345678), 0x345678);
	d.address_bits = 64;
	cr_expect_eq(hw_device_lines(&d, UINT64_MAX), UINT64_MAX);
	cr_expect(hw_device_route(&d, 0x1000, &pa, &left) && pa == 0x1000);
	d.windowed = true;
	cr_expect(!hw_device_route(&d, 0x1000, &pa, &left),
		"a bus without a window passes nothing on");
	d.nr_windows = 2;
	d.window[0] = (struct bus_window){.bus = 0xc0000000, .cpu = 0, .bytes = 0x1000};
	d.window[1] = (struct bus_window){.bus = 0x1000, .cpu = 0x80000000, .bytes = 0x2000};
	cr_expect(hw_device_route(&d, 0xc0000ffc, &pa, &left) && pa == 0xffc && left == 4);
	cr_expect(!hw_device_route(&d, 0xc0001000, &pa, &left));
	cr_expect(hw_device_route(&d, 0x2fff, &pa, &left) && pa == 0x80001fff && left == 1);
	cr_expect(hw_device_bus_of(&d, 0x80000004, &bus) && bus == 0x1004);
	cr_expect(!hw_device_bus_of(&d, 0x90000000, &bus));
}
