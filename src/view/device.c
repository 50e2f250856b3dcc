/* SPDX-License-Identifier: MIT
 *
 * sim/devices/NAME: what a device is, what is mapped for it, what it did; mkdir makes one, rmdir ends it.
 *
 * Attributes are files of one value, as in sysfs. Those that change where an address leads are refused while something is
 * mapped: the mappings would lie.
 */
#include "view/device.h"

#include "base/parse.h"
#include "mm/dma/debug.h"
#include "mm/dma/engine.h"
#include "mm/dma/mapping.h"
#include "view/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- {device} ---- */

static int device_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	const struct device *d = device_by_name(v->m, name, len);

	*value = d ? d->id : 0;
	return d ? 0 : -ENOENT;
}

static bool device_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const struct device *d = *key <= UINT32_MAX ? device_from(v->m, (uint32_t)*key) : NULL;

	if (!d)
		return false;
	*key = d->id;
	snprintf(name, cap, "%s", d->name);
	return true;
}

static void device_print(struct view *v, uint64_t value, char *name, size_t cap)
{
	const struct device *d = device_find(v->m, (uint32_t)value);

	snprintf(name, cap, "%s", d ? d->name : "");
}

const struct arg_ops arg_device = {
	.parse = device_parse, .next = device_list, .print = device_print};

int mkdir_device(struct view *v, const char *name, size_t len)
{
	struct device *d;
	int err = device_make(v->m, name, len, &d);

	if (err)
		session_error(v->s, "sim/devices", 0, name, len, &v->m->why);
	else
		d->made = true;
	v->s->acts++;
	session_settle(v->s);
	return err;
}

int rmdir_device(struct view *v)
{
	struct device *d = view_device(v);

	if (!d)
		return -ENOENT;
	int err = device_remove(v->m, d);
	if (err)
		session_error(v->s, "sim/devices", 0, "", 0, &v->m->why);
	v->s->acts++;
	session_settle(v->s);
	return err;
}

/* ---- values ---- */

int device_number(
	struct view *v, const char *data, size_t len, uint64_t low, uint64_t high, uint64_t *value)
{
	parse_trim(&data, &len);
	if (!parse_u64(data, len, 0, value) || *value < low || *value > high)
		return refuse(&v->m->why, EINVAL,
			"`%.*s` is no number from %llu to %llu, decimal or hexadecimal after 0x",
			(int)(len < 60 ? len : 60), data, (ull)low, (ull)high);
	return 0;
}

/* The device, when its addresses may be changed. */
static struct device *changeable(struct view *v)
{
	struct device *d = view_device(v);

	if (!d->made) {
		refuse(&v->m->why, EPERM, "%s is part of the board: this is what it is", d->name);
		return NULL;
	}
	if (d->nr_mappings || d->busy) {
		refuse(&v->m->why, EBUSY, "%s has %u live mappings%s: unmap them first", d->name,
			d->nr_mappings, d->busy ? " and moves bytes" : "");
		return NULL;
	}
	return d;
}

static int put_hex(struct text *out, uint64_t value)
{
	text_printf(out, "0x%llx\n", (ull)value);
	return 0;
}

static int put_dec(struct text *out, uint64_t value)
{
	text_printf(out, "%llu\n", (ull)value);
	return 0;
}

int show_device_mask(struct view *v, struct text *out)
{
	return put_hex(out, view_device(v)->dma_mask);
}

int64_t store_device_mask(struct view *v, const char *data, size_t len)
{
	uint64_t mask;
	int err = device_number(v, data, len, 0, UINT64_MAX, &mask);

	if (!err)
		err = dma_set_mask(v->m, view_device(v), mask);
	return err ? err : (int64_t)len;
}

int show_device_coherent_mask(struct view *v, struct text *out)
{
	return put_hex(out, view_device(v)->coherent_dma_mask);
}

int64_t store_device_coherent_mask(struct view *v, const char *data, size_t len)
{
	uint64_t mask;
	int err = device_number(v, data, len, 0, UINT64_MAX, &mask);

	if (!err)
		err = dma_set_coherent_mask(v->m, view_device(v), mask);
	return err ? err : (int64_t)len;
}

int show_device_lines(struct view *v, struct text *out)
{
	return put_dec(out, view_device(v)->hw.address_bits);
}

int64_t store_device_lines(struct view *v, const char *data, size_t len)
{
	uint64_t lines;
	int err = device_number(v, data, len, 1, 64, &lines);

	if (err)
		return err;
	view_device(v)->hw.address_bits = (uint8_t)lines;
	return (int64_t)len;
}

int show_device_coherent(struct view *v, struct text *out)
{
	return put_dec(out, view_device(v)->hw.coherent);
}

int64_t store_device_coherent(struct view *v, const char *data, size_t len)
{
	uint64_t coherent;
	int err = device_number(v, data, len, 0, 1, &coherent);

	if (!err)
		err = device_set_coherent(v->m, view_device(v), coherent != 0);
	return err ? err : (int64_t)len;
}

/* ---- windows ---- */

int show_device_offset(struct view *v, struct text *out)
{
	const struct hw_device *hw = &view_device(v)->hw;

	return put_hex(
		out, hw->windowed && hw->nr_windows ? hw->window[0].bus - hw->window[0].cpu : 0);
}

/* One window from physical 0 on, as far as the bus's own lines go. */
int64_t store_device_offset(struct view *v, const char *data, size_t len)
{
	uint64_t offset;
	int err = device_number(v, data, len, 0, UINT64_MAX, &offset);
	struct device *d = err ? NULL : changeable(v);

	if (!d)
		return -v->m->why.err;
	d->hw.windowed = offset != 0;
	d->hw.nr_windows = offset != 0;
	d->bus_dma_limit = 0;
	if (!offset)
		return (int64_t)len;
	/* A bus of 32 bits as long as its addresses fit into them. */
	uint64_t end = offset >> 32 ? UINT64_MAX : UINT32_MAX;

	d->hw.window[0] = (struct bus_window){
		.cpu = 0, .bus = offset, .bytes = end - offset + (end == UINT32_MAX)};
	d->bus_dma_limit = offset + d->hw.window[0].bytes - 1;
	return (int64_t)len;
}

int show_device_ranges(struct view *v, struct text *out)
{
	const struct hw_device *hw = &view_device(v)->hw;

	for (unsigned i = 0; i < hw->nr_windows; i++)
		text_printf(out, "0x%llx 0x%llx 0x%llx\n", (ull)hw->window[i].bus,
			(ull)hw->window[i].cpu, (ull)hw->window[i].bytes);
	return 0;
}

/* The next word as a size (0x200000, 1G). */
static bool take_size(const char **s, const char *end, uint64_t *value)
{
	while (*s < end && (**s == ' ' || **s == '\n' || **s == ',' || **s == '\t'))
		++*s;
	const char *word = *s;
	while (*s < end && **s != ' ' && **s != '\n' && **s != ',' && **s != '\t')
		++*s;
	return *s > word && parse_size(word, (size_t)(*s - word), value);
}

int64_t store_device_ranges(struct view *v, const char *data, size_t len)
{
	struct bus_window window[DEVICE_MAX_WINDOWS];
	const char *s = data, *end = data + len;
	unsigned nr = 0;
	uint64_t limit = 0;

	while (end > s && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	while (s < end) {
		struct bus_window *w = &window[nr];

		if (nr == DEVICE_MAX_WINDOWS || !take_size(&s, end, &w->bus) ||
			!take_size(&s, end, &w->cpu) || !take_size(&s, end, &w->bytes) ||
			!w->bytes || w->bus + w->bytes - 1 < w->bus ||
			w->cpu + w->bytes - 1 < w->cpu)
			return refuse(&v->m->why, EINVAL,
				"windows are lines of three: bus address, physical address, bytes, "
				"as "
				"`0xc0000000 0 1G`; at most %d; nothing: one to one",
				DEVICE_MAX_WINDOWS);
		limit = w->bus + w->bytes - 1 > limit ? w->bus + w->bytes - 1 : limit;
		nr++;
	}
	struct device *d = changeable(v);
	if (!d)
		return -v->m->why.err;
	memcpy(d->hw.window, window, nr * sizeof(window[0]));
	d->hw.nr_windows = (uint8_t)nr;
	d->hw.windowed = nr != 0;
	d->bus_dma_limit = limit;
	return (int64_t)len;
}

int show_device_limit(struct view *v, struct text *out)
{
	return put_hex(out, view_device(v)->bus_dma_limit);
}

int show_device_reg(struct view *v, struct text *out)
{
	const struct device *d = view_device(v);

	if (d->reg_bytes)
		text_printf(out, "0x%llx 0x%llx\n", (ull)d->reg_start, (ull)d->reg_bytes);
	else
		text_puts(out, "0\n");
	return 0;
}

int64_t store_device_reg(struct view *v, const char *data, size_t len)
{
	const char *s = data, *end = data + len;
	uint64_t start = 0, bytes = 0;

	while (end > s && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	bool fine = take_size(&s, end, &start);

	if (fine && (s < end || start))
		fine = take_size(&s, end, &bytes) && bytes && s == end;
	if (!fine)
		return refuse(&v->m->why, EINVAL,
			"write a physical address and a number of bytes, as `0xfe000000 0x1000`, "
			"or 0");
	int err = device_set_reg(v->m, view_device(v), start, bytes);

	return err ? err : (int64_t)len;
}

int show_device_driver(struct view *v, struct text *out)
{
	const char *driver = view_device(v)->driver;

	if (*driver)
		text_printf(out, "%s\n", driver);
	return 0;
}

int64_t store_device_driver(struct view *v, const char *data, size_t len)
{
	size_t n = len;

	while (n && (data[n - 1] == '\n' || data[n - 1] == ' '))
		n--;
	int err = device_set_driver(v->m, view_device(v), data, n);

	return err ? err : (int64_t)len;
}

/* ---- on the bus ---- */

int show_device_priority(struct view *v, struct text *out)
{
	return put_dec(out, view_device(v)->hw.master.priority);
}

int64_t store_device_priority(struct view *v, const char *data, size_t len)
{
	uint64_t priority;
	int err = device_number(v, data, len, 0, 255, &priority);

	if (err)
		return err;
	view_device(v)->hw.master.priority = (uint32_t)priority;
	return (int64_t)len;
}

int show_device_burst(struct view *v, struct text *out)
{
	return put_dec(out, view_device(v)->hw.burst_bytes);
}

int64_t store_device_burst(struct view *v, const char *data, size_t len)
{
	uint64_t bytes;
	int err = device_number(v, data, len, 1, DEVICE_MAX_BURST, &bytes);

	if (!err && view_device(v)->busy)
		err = refuse(
			&v->m->why, EBUSY, "%s moves bytes: wait for it", view_device(v)->name);
	if (err)
		return err;
	view_device(v)->hw.burst_bytes = (uint32_t)bytes;
	return (int64_t)len;
}

int show_device_gap(struct view *v, struct text *out)
{
	return put_dec(out, view_device(v)->hw.gap_ns);
}

int64_t store_device_gap(struct view *v, const char *data, size_t len)
{
	uint64_t ns;
	int err = device_number(v, data, len, 0, 1000000, &ns);

	if (err)
		return err;
	view_device(v)->hw.gap_ns = (uint32_t)ns;
	return (int64_t)len;
}

int show_device_channels(struct view *v, struct text *out)
{
	return put_dec(out, view_device(v)->nr_channels);
}

int64_t store_device_channels(struct view *v, const char *data, size_t len)
{
	uint64_t n;
	int err = device_number(v, data, len, 0, DMA_MAX_CHANNELS, &n);

	if (!err)
		err = dma_set_channels(v->m, view_device(v), (unsigned)n);
	return err ? err : (int64_t)len;
}

/* ---- what it has and did ---- */

int show_device_mappings(struct view *v, struct text *out)
{
	const struct device *d = view_device(v);

	for (const struct dma_mapping *x = dma_mapping_of_device(v->m, d->id, NULL); x;
		x = dma_mapping_of_device(v->m, d->id, x)) {
		text_printf(out, "0x%llx %llu %s %s phys=0x%llx", (ull)x->dma, (ull)x->bytes,
			dma_direction_name(x->dir), dma_debug_type_name(dma_debug_type(x->type)),
			(ull)x->phys);
		if (x->cpu)
			text_printf(out, " cpu=0x%llx", (ull)x->cpu);
		if (x->flags & DMA_MAPPING_BOUNCED)
			text_puts(out, " bounced");
		if (x->flags & DMA_MAPPING_REMAPPED)
			text_puts(out, " uncached");
		if (x->flags & DMA_MAPPING_ATOMIC)
			text_puts(out, " uncached pool");
		if (x->flags & DMA_MAPPING_RESERVED)
			text_puts(out, " uncached reserved");
		text_putc(out, '\n');
	}
	return 0;
}

int show_device_unsynced(struct view *v, struct text *out)
{
	const struct device *d = view_device(v);

	text_printf(out, "cpu_loads %llu\ndevice_reads %llu\n", (ull)d->unsynced_loads,
		(ull)d->unsynced_reads);
	return 0;
}

int show_device_log(struct view *v, struct text *out)
{
	device_show_log(v->m, view_device(v), out);
	return 0;
}

int show_device_registers(struct view *v, struct text *out)
{
	const struct hw_engine *e = device_engine_peek(v->m, view_device(v));
	static const struct hw_engine none;

	e = e ? e : &none;
	text_printf(out, "0x%02x fifo   %llu bytes taken, %llu given\n", DEVICE_REG_FIFO,
		(ull)e->fifo_taken, (ull)e->fifo_given);
	text_printf(out, "0x%02x status 0x%x%s%s\n", DEVICE_REG_STATUS,
		(e->nr != 0) | (unsigned)(e->failed != 0) << 1, e->nr ? " busy" : "",
		e->failed ? " failed" : "");
	text_printf(out, "0x%02x sum    0x%x\n", DEVICE_REG_SUM, e->fifo_sum);
	text_printf(out, "0x%02x word   0x%x\n", DEVICE_REG_WORD, e->fifo_word);
	text_puts(out, "seen");
	for (uint32_t i = 0; i < e->nr_seen; i++)
		text_printf(out, " %02x", e->seen[i]);
	text_putc(out, '\n');
	return 0;
}
