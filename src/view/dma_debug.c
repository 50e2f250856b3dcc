/* SPDX-License-Identifier: MIT
 *
 * sys/kernel/debug/dma-api: the books of dma-debug, its counters and its switches.
 *
 *	disabled            Y or N
 *	error_count ...     decimal; all_errors and num_errors can be written: of what is too large the low 32 bits
 *	driver_filter       the driver's name, or nothing
 *	dump                a line for each mapping, by the hash of its bus address:
 *	    platform nic single idx 4098 P=2004000 N=2004 D=2004000 L=1000 cln=0x0000000000080100 DMA_FROM_DEVICE
 *	    dma map error checked                                   (one line)
 *
 * P is the CPU's side, N its page, D the bus address, L the bytes in hexadecimal, cln the number of the first cache line.
 * Formats of kernel/dma/debug.c (dump_show(), filter_read()) and fs/debugfs/file.c of 6.1.
 */
#include "view/debugfs.h"
#include "view/files.h"

#include "mm/dma/debug.h"

typedef unsigned long long ull;

static uint32_t *number_of(const struct view *v)
{
	struct dma_debug *s = &v->m->devices.debug;
	uint32_t *const numbers[] = {[DMA_DEBUG_ERROR_COUNT] = &s->error_count,
		[DMA_DEBUG_ALL_ERRORS] = &s->show_all_errors,
		[DMA_DEBUG_NUM_ERRORS] = &s->show_num_errors,
		[DMA_DEBUG_NUM_FREE] = &s->num_free_entries,
		[DMA_DEBUG_MIN_FREE] = &s->min_free_entries,
		[DMA_DEBUG_NR_TOTAL] = &s->nr_total_entries};

	return numbers[v->aux];
}

int dma_debug_show(struct view *v, struct text *out)
{
	text_dec(out, *number_of(v), 0);
	text_putc(out, '\n');
	return 0;
}

int64_t dma_debug_store(struct view *v, const char *data, size_t len)
{
	uint32_t value;
	int err = debugfs_u32(data, len, &value);

	if (err)
		return refuse(
			&v->m->why, -err, "a number is expected: decimal, or hexadecimal after 0x");
	*number_of(v) = value;
	return (int64_t)len;
}

int show_dma_debug_disabled(struct view *v, struct text *out)
{
	text_puts(out, v->m->devices.debug.global_disable ? "Y\n" : "N\n");
	return 0;
}

int show_dma_debug_filter(struct view *v, struct text *out)
{
	if (*v->m->devices.debug.driver)
		text_printf(out, "%s\n", v->m->devices.debug.driver);
	return 0;
}

int64_t store_dma_debug_filter(struct view *v, const char *data, size_t len)
{
	dma_debug_set_filter(v->m, data, len);
	return (int64_t)len;
}

int show_dma_debug_dump(struct view *v, struct text *out)
{
	static const char *const asked[] = {
		[MAP_ERR_CHECK_NOT_APPLICABLE] = "dma map error check not applicable",
		[MAP_ERR_NOT_CHECKED] = "dma map error not checked",
		[MAP_ERR_CHECKED] = "dma map error checked"};
	const struct machine *m = v->m;

	for (const struct dma_debug_entry *x = NULL; (x = dma_debug_next(m, x));) {
		const struct device *d = device_find(m, x->device);

		text_printf(out, "%s %s %s idx %u P=%llx N=%llx D=%llx L=%llx cln=0x%0*llx %s %s\n",
			dev_driver_string(d), d->name, dma_debug_type_name(x->type),
			dma_debug_bucket(x->dev_addr), (ull)x->phys, (ull)x->phys >> PAGE_SHIFT,
			(ull)x->dev_addr, (ull)x->size, machine_phys_digits(m),
			(ull)dma_debug_cacheline(m, x), dma_direction_name(x->dir),
			asked[x->map_err]);
	}
	return 0;
}
