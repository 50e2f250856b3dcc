/* SPDX-License-Identifier: MIT
 *
 * A device's addresses and its FIFO (see device.h).
 *
 * Windows may overlap in bus addresses, as some boards' do; the first one wins, as with the kernel's translation.
 */
#include "hw/device.h"

#include <assert.h>
#include <string.h>

bool hw_device_route(const struct hw_device *d, uint64_t bus, uint64_t *pa, uint64_t *left)
{
	if (!d->windowed) {
		*pa = bus;
		*left = UINT64_MAX - bus;
		return true;
	}
	for (unsigned i = 0; i < d->nr_windows; i++) {
		const struct bus_window *w = &d->window[i];

		if (bus - w->bus >= w->bytes)
			continue;
		*pa = w->cpu + (bus - w->bus);
		*left = w->bytes - (bus - w->bus);
		return true;
	}
	return false;
}

bool hw_device_bus_of(const struct hw_device *d, uint64_t pa, uint64_t *bus)
{
	*bus = pa;
	if (!d->windowed)
		return true;
	for (unsigned i = 0; i < d->nr_windows; i++) {
		const struct bus_window *w = &d->window[i];

		if (pa - w->cpu < w->bytes) {
			*bus = w->bus + (pa - w->cpu);
			return true;
		}
	}
	return false;
}

struct bus_transfer *hw_engine_queue(struct hw_engine *e)
{
	if (e->nr == DEVICE_MAX_TRANSFERS)
		return NULL;
	struct bus_transfer *t = &e->transfer[(e->first + e->nr++) % DEVICE_MAX_TRANSFERS];

	memset(t, 0, sizeof(*t));
	return t;
}

void hw_engine_dequeue(struct hw_engine *e)
{
	assert(e->nr);
	e->first = (e->first + 1) % DEVICE_MAX_TRANSFERS;
	e->nr--;
}

void hw_engine_take(struct hw_engine *e, const uint8_t *data, uint32_t bytes, uint64_t at)
{
	if (!at)
		e->nr_seen = 0;
	for (uint32_t i = 0; i < bytes; i++)
		e->fifo_sum += data[i];
	for (uint32_t i = 0; i < bytes && e->nr_seen < DEVICE_SEEN_BYTES; i++)
		e->seen[e->nr_seen++] = data[i];
	e->fifo_taken += bytes;
}

void hw_engine_give(struct hw_engine *e, uint32_t word, uint8_t *data, uint32_t bytes, uint64_t at)
{
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)(word >> 8 * ((at + i) % 4));
	e->fifo_given += bytes;
}
