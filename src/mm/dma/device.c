/* SPDX-License-Identifier: MIT
 *
 * The list of devices (see device.h).
 *
 * A device is a block of the heap. A table has the blocks' offsets in the order of the devices' numbers, which are given
 * once each, so that a number that was kept never means another device.
 *
 * The log of a device is a ring like the kernel's: when it is full, the oldest whole lines go.
 *
 * A driver is a name: who writes to the device's ctl file does its work, and when the name goes, what is mapped stays mapped.
 *
 * Left out: the bus's list of drivers and how they are matched; a device's own object in the simulated kernel's memory.
 */
#include "mm/dma/device.h"

#include "base/text.h"
#include "mm/dma/coherence.h"
#include "mm/dma/debug.h"
#include "mm/dma/dma_buf.h"
#include "mm/dma/engine.h"
#include "mm/dma/iommu.h"
#include "mm/dma/mapping.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_DEVICES = 4096 };

static uint64_t *table(const struct machine *m)
{
	return machine_at(m, m->devices.at);
}

/* The place of the first device with a number of @id or more. */
static uint32_t place_of(const struct machine *m, uint32_t id)
{
	uint32_t low = 0, high = m->devices.nr;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		const struct device *d = machine_at(m, table(m)[middle]);

		if (d->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct device *device_from(const struct machine *m, uint32_t id)
{
	uint32_t i = place_of(m, id);

	return i < m->devices.nr ? machine_at(m, table(m)[i]) : NULL;
}

struct device *device_find(const struct machine *m, uint32_t id)
{
	struct device *d = device_from(m, id);

	return d && d->id == id ? d : NULL;
}

struct device *device_by_name(const struct machine *m, const char *name, size_t len)
{
	for (uint32_t i = 0; i < m->devices.nr; i++) {
		struct device *d = machine_at(m, table(m)[i]);

		if (strlen(d->name) == len && !memcmp(d->name, name, len))
			return d;
	}
	return NULL;
}

static bool name_ok(const char *name, size_t len)
{
	if (!len || len >= DEVICE_NAME_MAX || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == '/' ||
			(unsigned char)name[i] >= 127)
			return false;
	return true;
}

static int reserve(struct machine *m)
{
	struct devices *s = &m->devices;

	if (s->nr == MOST_DEVICES)
		return refuse(&m->why, ENOSPC, "a machine has at most %d devices", MOST_DEVICES);
	if (s->nr < s->cap)
		return 0;
	uint32_t cap = s->cap ? 2 * s->cap : 16;
	uint64_t at = heap_grow(m, s->at, s->cap * sizeof(uint64_t), cap * sizeof(uint64_t));

	if (!at)
		return -m->why.err;
	s->at = at;
	s->cap = cap;
	return 0;
}

bool device_default_coherent(const struct machine *m)
{
	/* 6.1's arm and arm64 believe that a device is not, until its node says dma-coherent. */
	return m->arch != ARCH_ARM && m->arch != ARCH_ARM64;
}

int device_make(struct machine *m, const char *name, size_t len, struct device **out)
{
	*out = NULL;
	if (!name_ok(name, len))
		return refuse(&m->why, EINVAL,
			"a device's name has 1 to %d printable characters, no blank and no slash, "
			"and does not begin with a dot",
			DEVICE_NAME_MAX - 1);
	if (device_by_name(m, name, len))
		return refuse(&m->why, EEXIST, "there is a device %.*s", (int)len, name);
	int err = reserve(m);
	if (err)
		return err;
	uint64_t at = heap_alloc(m, sizeof(struct device));
	if (!at)
		return -m->why.err;
	struct device *d = machine_at(m, at);

	memcpy(d->name, name, len);
	d->id = d->iommu_stream = ++m->devices.last_id;
	d->dma_mask = d->coherent_dma_mask = DMA_BIT_MASK(32);
	d->hw.address_bits = 32;
	d->hw.coherent = true;
	d->hw.burst_bytes = 64;
	d->hw.gap_ns = 8;
	d->hw.master.id = MAX_CPUS + d->id;
	d->hw.master.request_ns = BUS_NEVER;
	table(m)[m->devices.nr++] = at;
	err = device_default_coherent(m) ? 0 : device_set_coherent(m, d, false);
	if (err) {
		m->devices.nr--;
		heap_free(m, at, sizeof(struct device));
		return err;
	}
	*out = d;
	return 0;
}

int device_set_reg(struct machine *m, struct device *d, uint64_t start, uint64_t bytes)
{
	uint64_t last = start + bytes - 1;
	int err = 0;

	if (!d->made)
		return refuse(&m->why, EPERM,
			"%s is part of the board: its registers are where they are", d->name);
	if (bytes && last < start)
		return refuse(&m->why, EINVAL, "the registers would end beyond 64 bits of address");
	for (unsigned i = 0; bytes && i < m->memblock.memory.nr; i++)
		if (start < m->memblock.memory.region[i].end &&
			last >= m->memblock.memory.region[i].start)
			return refuse(&m->why, EINVAL, "there is RAM between 0x%llx and 0x%llx",
				(unsigned long long)start, (unsigned long long)last);
	if (bytes)
		err = resource_insert(m, false, start, last, d->name);
	if (err)
		return err;
	if (d->reg_bytes)
		(void)resource_release(
			m, false, d->reg_start, d->reg_start + d->reg_bytes - 1, d->name);
	d->reg_start = bytes ? start : 0;
	d->reg_bytes = bytes;
	return 0;
}

/* Nobody could end what is mapped any more. */
static int refuse_pending(struct machine *m, const struct device *d)
{
	debug_dma_unbound(m, d);
	return refuse(&m->why, EBUSY,
		"device driver has pending DMA allocations while released from device "
		"[count=%u]: unmap and free what sim/devices/%s/mappings shows first",
		d->nr_mappings, d->name);
}

static void give_back(struct machine *m, struct device *d)
{
	heap_free(m, d->engine_at, sizeof(struct hw_engine));
	heap_free(m, d->channels_at, d->nr_channels * sizeof(struct dma_chan));
	heap_free(m, d->log_at, DEVICE_LOG_BYTES);
}

int device_remove(struct machine *m, struct device *d)
{
	const struct hw_engine *e = device_engine_peek(m, d);

	if (!d->made)
		return refuse(&m->why, EPERM,
			"%s is part of the board: only devices that mkdir made can be removed",
			d->name);
	if (d->nr_mappings)
		return refuse_pending(m, d);
	if (d->busy || (e && e->nr))
		return refuse(&m->why, EBUSY,
			"%s still moves bytes: wait_for_completion in its ctl waits for it",
			d->name);
	if (dma_buf_attached(m, d))
		return refuse(&m->why, EBUSY,
			"%s is attached to %u dma-bufs: dma_buf_detach in its ctl ends that",
			d->name, dma_buf_attached(m, d));
	int err = dma_channels_in_use(m, d);
	if (err)
		return err;
	debug_dma_forget(m, d);
	dma_release_channels_of(m, d);
	iommu_detach(m, 0, d);
	uint32_t i = place_of(m, d->id);
	uint64_t at = table(m)[i];

	m->devices.noncoherent -= !d->hw.coherent;
	(void)device_set_reg(m, d, 0, 0);
	give_back(m, d);
	memmove(&table(m)[i], &table(m)[i + 1], (m->devices.nr - i - 1) * sizeof(uint64_t));
	m->devices.nr--;
	heap_free(m, at, sizeof(struct device));
	return 0;
}

struct hw_engine *device_engine(struct machine *m, struct device *d)
{
	if (!d->engine_at)
		d->engine_at = heap_alloc(m, sizeof(struct hw_engine));
	return d->engine_at ? machine_at(m, d->engine_at) : NULL;
}

const char *dev_driver_string(const struct device *d)
{
	return *d->driver ? d->driver : "platform";
}

int device_set_driver(struct machine *m, struct device *d, const char *name, size_t len)
{
	if (len && (!name_ok(name, len) || len >= DRIVER_NAME_MAX))
		return refuse(&m->why, EINVAL,
			"a driver's name has 1 to %d printable characters, no blank and no slash, "
			"and does not begin with a dot; nothing: no driver",
			DRIVER_NAME_MAX - 1);
	if (*d->driver)
		debug_dma_unbound(m, d);
	memset(d->driver, 0, sizeof(d->driver));
	memcpy(d->driver, name, len);
	return 0;
}

int device_set_coherent(struct machine *m, struct device *d, bool coherent)
{
	if (arch_is_x86(m->arch) && !coherent)
		return refuse(&m->why, EINVAL,
			"on x86 every device goes through the CPUs' caches: 0 is for the others");
	if (d->nr_mappings)
		return refuse(
			&m->why, EBUSY, "%u mappings of %s are live", d->nr_mappings, d->name);
	if (d->hw.coherent == coherent)
		return 0;
	d->hw.coherent = coherent;
	m->devices.noncoherent += coherent ? -1u : 1u;
	arch_setup_dma_ops(m, d);
	return 0;
}

/* ---- logs ---- */

void device_log(struct machine *m, struct device *d, const char *fmt, ...)
{
	char line[256];
	va_list args;

	if (!d->log_at)
		d->log_at = heap_alloc(m, DEVICE_LOG_BYTES);
	if (!d->log_at)
		return;
	uint64_t us = m->clock.now_ns / 1000;
	int n = snprintf(line, sizeof(line), "[%5llu.%06llu] ", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000));
	va_start(args, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, args);
	va_end(args);
	size_t len = n < (int)sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;
	char *ring = machine_at(m, d->log_at);

	line[len++] = '\n';
	for (size_t i = 0; i < len; i++)
		ring[d->log_written++ % DEVICE_LOG_BYTES] = line[i];
}

void device_show_log(const struct machine *m, const struct device *d, struct text *out)
{
	const char *ring = d->log_at ? machine_at(m, d->log_at) : NULL;
	uint64_t at = d->log_written > DEVICE_LOG_BYTES ? d->log_written - DEVICE_LOG_BYTES : 0;

	/* The oldest line is cut when the ring is full. */
	if (at)
		while (at < d->log_written && ring[(at - 1) % DEVICE_LOG_BYTES] != '\n')
			at++;
	for (; at < d->log_written; at++)
		text_putc(out, ring[at % DEVICE_LOG_BYTES]);
}

void dev_printk(struct machine *m, const struct device *d, const char *fmt, ...)
{
	char words[512], *line = words;
	va_list args;

	va_start(args, fmt);
	vsnprintf(words, sizeof(words), fmt, args);
	va_end(args);
	for (bool first = true; *line; first = false) {
		size_t n = strcspn(line, "\n");

		log_printf(m, "%s%s%s%s%.*s", first ? dev_driver_string(d) : "", first ? " " : "",
			first ? d->name : "", first ? ": " : "", (int)n, line);
		line += n + (line[n] == '\n');
	}
}
