/* SPDX-License-Identifier: MIT
 *
 * Devices move bytes (see engine.h): each that has a transfer asks for the bus, one burst at a time.
 *
 *	device_start() ──> queue ──> asks ──> granted: the burst's bytes move ──> a gap ──> asks ...
 *	                                                    └ the last: "interrupt" in the device's log
 *
 * Those that ask are a list; the clock has one event for all of them, at the time of the next transaction. A CPU that goes
 * to DRAM while devices work asks like them, so transactions up to its own are done then and there, and what it waited is
 * time that it lost.
 *
 * The bytes go where the device's lines, its bus's windows and nothing else lead: see hw/device.h. A page that is not
 * mapped for the device, or free, or a page table, is overwritten all the same.
 *
 * Invariant: a device is in the list exactly while its queue is not empty.
 */
#include "mm/dma/engine.h"

#include "mm/core/link.h"
#include "mm/dma/coherence.h"
#include "mm/dma/memory.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

enum { MOST_MASTERS = 64 };

static const char *kind_name(const struct bus_transfer *t)
{
	static const char *const names[] = {[TRANSFER_READ] = "dma_read",
		[TRANSFER_WRITE] = "dma_write",
		[TRANSFER_COPY] = "dma_copy"};

	return names[t->kind];
}

/* ---- who asks ---- */

static unsigned gather(struct machine *m, struct bus_master **masters, struct device **device)
{
	unsigned nr = 0;

	for (uint64_t at = m->devices.busy; at && nr < MOST_MASTERS;) {
		struct device *d = machine_at(m, at);

		device[nr] = d;
		masters[nr++] = &d->hw.master;
		at = d->next_busy;
	}
	return nr;
}

static void become_idle(struct machine *m, struct device *d)
{
	uint64_t at = machine_ref(m, d), *link = &m->devices.busy;

	while (*link != at)
		link = &((struct device *)machine_at(m, *link))->next_busy;
	*link = d->next_busy;
	d->next_busy = 0;
	d->busy = false;
	m->devices.nr_busy--;
	d->hw.master.request_ns = BUS_NEVER;
}

static uint32_t burst_of(const struct device *d, const struct bus_transfer *t)
{
	uint64_t left = t->bytes - t->done;

	return left < d->hw.burst_bytes ? (uint32_t)left : d->hw.burst_bytes;
}

static void ask(struct device *d, const struct bus_transfer *t, uint64_t at_ns)
{
	d->hw.master.request_ns = at_ns;
	d->hw.master.request_bytes = burst_of(d, t);
}

static void schedule(struct machine *m)
{
	struct bus_master *masters[MOST_MASTERS];
	struct device *device[MOST_MASTERS];
	unsigned nr = gather(m, masters, device);

	if (nr)
		clock_schedule(m, TASK_BUS, 0, bus_next_ns(&m->devices.bus, masters, nr));
}

/* ---- a burst ---- */

/* The device at the far end: the DMA controller's client, or the device itself. */
static struct hw_engine *far_end(struct machine *m, struct device *d, const struct bus_transfer *t)
{
	struct device *client = t->client ? device_find(m, t->client) : NULL;

	return device_engine(m, client ? client : d);
}

static uint32_t sum_of(const uint8_t *data, uint32_t bytes)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < bytes; i++)
		sum += data[i];
	return sum;
}

static enum transfer_error move_burst(struct machine *m, struct device *d, struct hw_engine *e,
	struct bus_transfer *t, uint32_t n)
{
	struct hw_engine *far = t->kind == TRANSFER_COPY ? e : far_end(m, d, t);
	enum transfer_error error = TRANSFER_OK;

	if (!far)
		return TRANSFER_HOST;
	if (t->kind == TRANSFER_READ || (t->kind == TRANSFER_COPY && !t->half)) {
		t->error_at = t->source + t->done;
		error = device_memory(m, d, t->error_at, e->held, n, false);
		if (!error && t->kind == TRANSFER_READ)
			hw_engine_take(far, e->held, n, t->done);
	} else {
		t->error_at = t->target + t->done;
		if (t->kind == TRANSFER_WRITE)
			hw_engine_give(far, t->pattern, e->held, n, t->done);
		error = device_memory(m, d, t->error_at, e->held, n, true);
	}
	if (error)
		return error;
	if (t->kind == TRANSFER_COPY && !t->half) {
		t->half = 1;
		return error;
	}
	t->half = 0;
	t->sum += sum_of(e->held, n);
	t->done += n;
	return error;
}

static void log_end(struct machine *m, struct device *d, const struct bus_transfer *t)
{
	static const char *const why[] = {[TRANSFER_ABORT] = "bus abort",
		[TRANSFER_FAULT] = "IOMMU fault",
		[TRANSFER_HOST] = "the host's memory ended"};
	uint64_t at = t->kind == TRANSFER_READ ? t->source : t->target;
	uint64_t ns = m->devices.bus.free_ns - t->begun_ns;

	if (t->error)
		device_log(m, d, "interrupt: %s 0x%llx %llu: %s at 0x%llx after %llu bytes",
			kind_name(t), (ull)at, (ull)t->bytes, why[t->error], (ull)t->error_at,
			(ull)t->done);
	else
		device_log(m, d, "interrupt: %s 0x%llx %llu: done in %llu ns, sum=0x%x",
			kind_name(t), (ull)at, (ull)t->bytes, (ull)ns, t->sum);
}

/* The bus is @d's until bus.free_ns. */
static void run_burst(struct machine *m, struct device *d)
{
	struct hw_engine *e = device_engine_peek(m, d);
	struct bus_transfer *t = hw_engine_transfer(e);
	uint64_t end = m->devices.bus.free_ns;

	t->error = (uint8_t)move_burst(m, d, e, t, burst_of(d, t));
	if (!t->error && (t->half || t->done < t->bytes)) {
		/* A copy writes what it read as soon as it gets the bus again. */
		ask(d, t, end + (t->half ? 0 : d->hw.gap_ns));
		return;
	}
	struct bus_transfer over = *t;

	hw_engine_dequeue(e);
	e->failed = over.error != TRANSFER_OK;
	if (over.cookie)
		dma_channel_done(m, d, &over);
	log_end(m, d, &over);
	t = hw_engine_transfer(e);
	if (t) {
		t->begun_ns = end;
		ask(d, t, end + d->hw.gap_ns);
	} else {
		become_idle(m, d);
	}
}

void bus_step(struct machine *m)
{
	enum { MOST_STEPS = 64 };
	struct bus_master *masters[MOST_MASTERS];
	struct device *device[MOST_MASTERS];
	unsigned nr = gather(m, masters, device);

	for (unsigned i = 0; i < MOST_STEPS && nr; i++) {
		if (bus_next_ns(&m->devices.bus, masters, nr) > m->clock.now_ns)
			break;
		run_burst(m, device[bus_grant(&m->devices.bus, masters, nr)]);
		nr = gather(m, masters, device);
	}
	schedule(m);
}

uint64_t bus_cpu_wait(struct machine *m, unsigned cpu, uint64_t n, uint32_t bytes)
{
	struct bus_master *masters[MOST_MASTERS + 1], *self = &m->devices.cpu_master[cpu];
	struct device *device[MOST_MASTERS];
	uint64_t before = self->waited_ns, at = m->clock.now_ns;

	self->id = cpu;
	self->priority = m->devices.cpu_priority;
	while (n--) {
		unsigned winner, nr;

		self->request_ns = at;
		self->request_bytes = bytes;
		do {
			nr = gather(m, masters, device);
			masters[nr] = self;
			winner = bus_grant(&m->devices.bus, masters, nr + 1);
			if (winner < nr)
				run_burst(m, device[winner]);
		} while (winner < nr);
		at = m->devices.bus.free_ns;
	}
	schedule(m);
	return self->waited_ns - before;
}

bool device_idle(const struct machine *m, const struct device *d)
{
	const struct hw_engine *e = device_engine_peek(m, d);

	return !e || !e->nr;
}

int device_start(struct machine *m, struct device *d, enum transfer_kind kind, uint64_t source,
	uint64_t target, uint64_t bytes, struct bus_transfer **out)
{
	if (!bytes)
		return refuse(&m->why, EINVAL, "a transfer moves at least one byte");
	if (!d->busy && m->devices.nr_busy == MOST_MASTERS)
		return refuse(&m->why, EBUSY, "%d devices work already: as many as the bus takes",
			MOST_MASTERS);
	int err = d->hw.coherent ? 0 : stale_begin(m);
	struct hw_engine *e = err ? NULL : device_engine(m, d);
	if (!e)
		return -m->why.err;
	struct bus_transfer *t = hw_engine_queue(e);
	if (!t)
		return refuse(&m->why, EBUSY,
			"%s has %d transfers in its queue, and takes no more until one is done",
			d->name, DEVICE_MAX_TRANSFERS);

	t->kind = (uint8_t)kind;
	t->source = source;
	t->target = target;
	t->bytes = bytes;
	if (out)
		*out = t;
	if (d->busy)
		return 0;
	t->begun_ns = m->clock.now_ns;
	ask(d, t, m->clock.now_ns);
	d->busy = true;
	d->next_busy = m->devices.busy;
	m->devices.busy = machine_ref(m, d);
	m->devices.nr_busy++;
	schedule(m);
	return 0;
}
