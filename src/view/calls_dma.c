/* SPDX-License-Identifier: MIT
 *
 * Calls of a device's driver: the DMA API, and what the device is told to do.
 *
 *	b = __get_free_pages GFP_KERNEL 0                 (sim/ctl)
 *	d = dma_map_single b 4096 DMA_FROM_DEVICE         ──> dma_map_phys()   ──> 0x1f408000
 *	dma_write d 4096 0x2a2a2a2a                       ──> device_start()
 *	wait_for_completion
 *	dma_unmap_single d
 *
 * The device is that of the ctl file. A mapping makes a VAR_DMA, which knows its size and direction, so that the calls
 * that sync or unmap it need not repeat them; what is written is honoured all the same, since a wrong size or direction is
 * worth seeing.
 *
 * Follows Documentation/core-api/dma-api.rst of 6.1 for names and arguments.
 */
#include "view/call.h"

#include "mm/dma/debug.h"
#include "mm/dma/engine.h"
#include "mm/dma/mapping.h"
#include "mm/page/address.h"
#include "mm/page/frame.h"
#include "mm/process/address_kind.h"
#include "mm/vmalloc/vmalloc.h"
#include "view/device.h"

#include <errno.h>
#include <stdlib.h>

typedef unsigned long long ull;

static struct device *device_of(const struct call *c)
{
	return view_device(c->v);
}

static void put_hex(struct call *c, uint64_t value)
{
	text_puts(c->result, "0x");
	text_hex(c->result, value, 0);
}

/* ---- masks ---- */

static int set_mask(struct call *c, int (*set)(struct machine *, struct device *, uint64_t))
{
	return set(c->m, device_of(c), c->arg[0].number);
}

int call_dma_set_mask(struct call *c)
{
	return set_mask(c, dma_set_mask);
}

int call_dma_set_coherent_mask(struct call *c)
{
	return set_mask(c, dma_set_coherent_mask);
}

int call_dma_set_mask_and_coherent(struct call *c)
{
	return set_mask(c, dma_set_mask_and_coherent);
}

int call_dma_get_required_mask(struct call *c)
{
	put_hex(c, dma_get_required_mask(c->m, device_of(c)));
	return 0;
}

int call_dma_max_mapping_size(struct call *c)
{
	text_dec(c->result, dma_max_mapping_size(c->m, device_of(c)), 0);
	return 0;
}

int call_dma_set_min_align_mask(struct call *c)
{
	if (c->arg[0].number & (c->arg[0].number + 1) || c->arg[0].number > 0xffff)
		return refuse(&c->m->why, EINVAL, "an alignment mask is 2^n - 1, up to 0xffff");
	device_of(c)->min_align_mask = c->arg[0].number;
	return 0;
}

/* ---- mapping ---- */

static void give_dma(struct call *c, uint64_t dma, uint64_t bytes, uint64_t dir)
{
	put_hex(c, dma);
	c->made =
		(struct var){.kind = VAR_DMA, .value = dma, .bytes = bytes, .order = (uint32_t)dir};
}

static int map(struct call *c, uint64_t phys, uint64_t bytes, uint64_t dir, uint64_t attrs)
{
	struct device *d = device_of(c);
	uint64_t dma;
	int err = dma_map_phys(
		c->m, c->cpu, d, phys, bytes, (enum dma_data_direction)dir, (unsigned)attrs, &dma);

	if (err)
		return err;
	give_dma(c, dma, bytes, dir);
	if (dma_mapping_find(c->m, d->id, dma)->flags & DMA_MAPPING_BOUNCED)
		text_puts(c->result, " bounced");
	return 0;
}

/* The physical address behind a kernel address of memory that lies side by side: of the direct map, or of the image where the
 * kernel computes right for that, too (not on arm64). */
static int phys_of(struct call *c, const struct call_value *a, uint64_t bytes, uint64_t *phys)
{
	uint64_t pfn = virt_to_pfn(c->m, a->number);
	struct device *d = device_of(c);

	*phys = (pfn << PAGE_SHIFT) + a->number % PAGE_BYTES;
	if (is_vmalloc_addr(c->m, a->number)) {
		dma_reject_vmalloc(c->m, d);
	} else {
		debug_dma_map_single(c->m, d, a->number, bytes);
		if (pfn != NO_PFN)
			return 0;
		*phys = linux_pa(c->m, a->number);
		if (c->m->arch != ARCH_ARM64 && linux_pa_valid(c->m, a->number))
			return 0;
	}
	return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
		"0x%llx is no address of the kernel's permanent mapping of RAM, which begins at "
		"0x%llx: only such memory lies side by side",
		(ull)a->number, (ull)page_offset(c->m));
}

int call_dma_map_single(struct call *c)
{
	uint64_t phys;
	int err = phys_of(c, &c->arg[0], c->arg[1].number, &phys);

	return err ? err : map(c, phys, c->arg[1].number, c->arg[2].number, c->arg[3].number);
}

int call_dma_map_page(struct call *c)
{
	return map(c, (c->arg[0].number << PAGE_SHIFT) + c->arg[1].number, c->arg[2].number,
		c->arg[3].number, c->arg[4].number);
}

int call_dma_map_resource(struct call *c)
{
	uint64_t dma;
	int err = dma_map_resource(c->m, device_of(c), c->arg[0].number, c->arg[1].number,
		(enum dma_data_direction)c->arg[2].number, &dma);

	if (!err)
		give_dma(c, dma, c->arg[1].number, c->arg[2].number);
	return err;
}

/* Does the name that stands for the bus address know what is mapped there? */
static bool name_knows(const struct call *c)
{
	return c->arg[0].named && c->arg[0].var.kind == VAR_DMA;
}

/* The size as written, else that which the name knows. */
static int mapped_size(struct call *c, uint64_t *bytes)
{
	const struct call_value *a = &c->arg[0];

	*bytes = 0;
	if (!c->arg[1].given && !name_knows(c))
		return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
			"only a name that a mapping made knows its size: write it");
	*bytes = c->arg[1].given ? c->arg[1].number : a->var.bytes - (a->number - a->var.value);
	return 0;
}

/* Size and direction as written, else those that the name knows. */
static int size_and_direction(struct call *c, uint64_t *bytes, enum dma_data_direction *dir)
{
	const struct call_value *a = &c->arg[2];

	*dir = (enum dma_data_direction)(
		a->given || !name_knows(c) ? a->number : c->arg[0].var.order);
	return mapped_size(c, bytes);
}

int call_dma_unmap_single(struct call *c)
{
	enum dma_data_direction dir;
	uint64_t bytes;
	int err = size_and_direction(c, &bytes, &dir);

	return err ? err
		   : dma_unmap_phys(c->m, c->cpu, device_of(c), c->arg[0].number, bytes, dir,
			     (unsigned)c->arg[3].number);
}

int call_dma_unmap_resource(struct call *c)
{
	enum dma_data_direction dir;
	uint64_t bytes;
	int err = size_and_direction(c, &bytes, &dir);

	return err ? err : dma_unmap_resource(c->m, device_of(c), c->arg[0].number, bytes, dir);
}

int call_dma_sync_single_for_cpu(struct call *c)
{
	enum dma_data_direction dir;
	uint64_t bytes;
	int err = size_and_direction(c, &bytes, &dir);

	return err ? err : dma_sync_single(c->m, device_of(c), c->arg[0].number, bytes, dir, true);
}

int call_dma_sync_single_for_device(struct call *c)
{
	enum dma_data_direction dir;
	uint64_t bytes;
	int err = size_and_direction(c, &bytes, &dir);

	return err ? err : dma_sync_single(c->m, device_of(c), c->arg[0].number, bytes, dir, false);
}

int call_dma_mapping_error(struct call *c)
{
	int err = dma_mapping_error(c->m, device_of(c), c->arg[0].number);

	text_sdec(c->result, err);
	return 0;
}

int call_dma_need_sync(struct call *c)
{
	text_dec(c->result, dma_need_sync(c->m, device_of(c), c->arg[0].number), 0);
	return 0;
}

/* ---- scatterlists ---- */

#define MOST_PIECES 1000000u

/* The pages NAME.0 ... as pieces. */
static int read_pages(struct call *c, struct scatterlist *sg, uint32_t nents)
{
	const struct call_value *a = &c->arg[0];

	for (uint32_t i = 0; i < nents; i++) {
		const struct var *var = var_get(c->m, c->vars, a->word, a->len, i);

		if (!var || var->kind != VAR_PAGE)
			return refuse_at(&c->m->why, ENOENT, a->column, (uint32_t)a->len,
				"%.*s.%u is no struct page: `%.*s.0-%u = alloc_pages GFP_KERNEL` "
				"makes them",
				(int)a->len, a->word, i, (int)a->len, a->word, nents - 1);
		sg[i].phys = var->value << PAGE_SHIFT;
		sg[i].bytes = PAGE_BYTES << var->order;
	}
	return 0;
}

int name_segments(
	struct call *c, unsigned arg, const struct scatterlist *sg, uint32_t nr, uint64_t dir)
{
	const struct call_value *a = &c->arg[arg];
	int err = 0;

	for (uint32_t i = 0; i < nr && !err; i++) {
		const struct var var = {.kind = VAR_DMA,
			.value = sg[i].dma,
			.bytes = sg[i].dma_bytes,
			.order = (uint32_t)dir};

		err = var_set(c->m, c->vars, a->word, a->len, i, &var);
	}
	return err;
}

static int check_list(struct call *c, unsigned name, struct scatterlist **sg)
{
	const struct call_value *a = &c->arg[name], *n = &c->arg[1];

	if (!var_name_ok(a->word, a->len))
		return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
			"a list's name has letters, digits and _, and does not begin with a digit");
	if (!n->number || n->number > MOST_PIECES)
		return refuse_at(&c->m->why, EINVAL, n->column, (uint32_t)n->len,
			"a scatterlist has 1 to %u pieces", MOST_PIECES);
	*sg = calloc(n->number, sizeof(**sg));
	return *sg ? 0 : refuse(&c->m->why, ENOMEM, "the host has no memory for the list");
}

int call_dma_map_sg(struct call *c)
{
	uint32_t nents = (uint32_t)c->arg[1].number, mapped = 0;
	enum dma_data_direction dir = (enum dma_data_direction)c->arg[2].number;
	struct device *d = device_of(c);
	struct scatterlist *sg;
	int err = check_list(c, 3, &sg);

	if (err)
		return err;
	err = read_pages(c, sg, nents);
	if (!err)
		err = dma_map_sg(
			c->m, c->cpu, d, sg, nents, dir, (unsigned)c->arg[4].number, &mapped);
	if (!err) {
		err = name_segments(c, 3, sg, mapped, dir);
		if (err) {
			struct refusal why = c->m->why;

			(void)dma_unmap_sg(c->m, c->cpu, d, sg, mapped, dir, 0);
			c->m->why = why;
		}
	}
	free(sg);
	if (!err)
		text_dec(c->result, mapped, 0);
	return err;
}

/* The bus addresses NAME.0 ... as segments; the caller frees *@sg, also after an error. */
static int read_segments(struct call *c, struct scatterlist **sg)
{
	const struct call_value *a = &c->arg[0];
	uint32_t nents = (uint32_t)c->arg[1].number;
	int err = check_list(c, 0, sg);

	for (uint32_t i = 0; i < nents && !err; i++) {
		const struct var *var = var_get(c->m, c->vars, a->word, a->len, i);

		if (!var || var->kind != VAR_DMA)
			return refuse_at(&c->m->why, ENOENT, a->column, (uint32_t)a->len,
				"%.*s.%u is no bus address: dma_map_sg makes them", (int)a->len,
				a->word, i);
		(*sg)[i].dma = var->value;
		(*sg)[i].dma_bytes = var->bytes;
	}
	return err;
}

static int sync_list(struct call *c, bool to_cpu)
{
	struct scatterlist *sg = NULL;
	int err = read_segments(c, &sg);

	if (!err)
		err = dma_sync_sg(c->m, device_of(c), sg, (uint32_t)c->arg[1].number,
			(enum dma_data_direction)c->arg[2].number, to_cpu);
	free(sg);
	return err;
}

int call_dma_sync_sg_for_cpu(struct call *c)
{
	return sync_list(c, true);
}

int call_dma_sync_sg_for_device(struct call *c)
{
	return sync_list(c, false);
}

int call_dma_unmap_sg(struct call *c)
{
	uint32_t nents = (uint32_t)c->arg[1].number;
	struct scatterlist *sg = NULL;
	int err = read_segments(c, &sg);

	if (!err)
		err = dma_unmap_sg(c->m, c->cpu, device_of(c), sg, nents,
			(enum dma_data_direction)c->arg[2].number, 0);
	free(sg);
	return err;
}

/* ---- buffers ---- */

int call_dma_alloc_coherent(struct call *c)
{
	uint64_t bytes = c->arg[0].number, cpu_address, dma;
	struct device *d = device_of(c);
	int err = dma_alloc_coherent(c->m, c->cpu, d, bytes, (gfp_t)c->arg[1].number,
		(unsigned)c->arg[2].number, &cpu_address, &dma);

	if (err)
		return err;
	give_dma(c, dma, bytes, DMA_BIDIRECTIONAL);
	text_printf(c->result, " cpu=0x%llx phys=0x%llx", (ull)cpu_address,
		(ull)dma_mapping_find(c->m, d->id, dma)->phys);
	return 0;
}

int call_dma_free_coherent(struct call *c)
{
	const struct dma_mapping *x = dma_mapping_find(c->m, device_of(c)->id, c->arg[0].number);
	uint64_t bytes;
	int err = mapped_size(c, &bytes);

	return err ? err
		   : dma_free_coherent(
			     c->m, c->cpu, device_of(c), bytes, x ? x->cpu : 0, c->arg[0].number);
}

int call_dma_alloc_pages(struct call *c)
{
	uint64_t bytes = c->arg[0].number, pfn, dma;
	int err = dma_alloc_pages(c->m, c->cpu, device_of(c), bytes, (gfp_t)c->arg[2].number,
		(enum dma_data_direction)c->arg[1].number, &pfn, &dma);

	if (err)
		return err;
	give_dma(c, dma, bytes, c->arg[1].number);
	text_printf(c->result, " page=0x%llx", (ull)pfn);
	return 0;
}

int call_dma_free_pages(struct call *c)
{
	const struct dma_mapping *x = dma_mapping_find(c->m, device_of(c)->id, c->arg[0].number);
	enum dma_data_direction dir;
	uint64_t bytes;
	int err = size_and_direction(c, &bytes, &dir);

	return err ? err
		   : dma_free_pages(c->m, c->cpu, device_of(c), bytes,
			     x ? x->phys >> PAGE_SHIFT : 0, c->arg[0].number, dir);
}

/* ---- the device at work ---- */

int call_dma_read(struct call *c)
{
	return device_start(
		c->m, device_of(c), TRANSFER_READ, c->arg[0].number, 0, c->arg[1].number, NULL);
}

int call_dma_write(struct call *c)
{
	struct bus_transfer *t;
	int err = device_start(
		c->m, device_of(c), TRANSFER_WRITE, 0, c->arg[0].number, c->arg[1].number, &t);

	if (!err)
		t->pattern = (uint32_t)c->arg[2].number;
	return err;
}

/* Time passes until the device, and the channels that work for it, have nothing to do. */
int call_wait_for_completion(struct call *c)
{
	enum { EVENTS_PER_SLICE = 4096 };
	struct clock *clock = &c->m->clock;

	for (unsigned i = 0; i < EVENTS_PER_SLICE; i++) {
		if (device_settled(c->m, device_of(c))) {
			text_printf(c->result, "now=%llu.%09llu", (ull)(clock->now_ns / 1000000000),
				(ull)(clock->now_ns % 1000000000));
			return 0;
		}
		if (c->run->interrupted)
			return refuse(&c->m->why, EINTR, "interrupted by a signal");
		uint64_t next = clock->task[0].at_ns;

		if (clock_advance_step(c->m, next > clock->now_ns ? next : clock->now_ns,
			    session_slice(c->v->s, SESSION_TASK_STEPS)))
			break;
	}
	c->again = true;
	return 0;
}

int call_readl(struct call *c)
{
	uint32_t value;
	int err = device_readl(c->m, c->cpu, device_of(c), c->arg[0].number, &value);

	if (!err)
		put_hex(c, value);
	return err;
}

int call_writel(struct call *c)
{
	return device_writel(
		c->m, c->cpu, device_of(c), c->arg[1].number, (uint32_t)c->arg[0].number);
}

static int fifo_rep(struct call *c, bool to_device)
{
	enum { MOST_WORDS = 1 << 20 };
	uint64_t begun = c->m->clock.now_ns, done;

	if (c->arg[0].number != DEVICE_REG_FIFO || c->arg[2].number > MOST_WORDS)
		return refuse(&c->m->why, EINVAL,
			"the FIFO is the register at offset 0; at most %d words in one call",
			MOST_WORDS);
	int err = device_fifo_rep(
		c->m, c->cpu, device_of(c), to_device, c->arg[1].number, c->arg[2].number, &done);
	if (!err)
		text_printf(
			c->result, "%llu ns=%llu", (ull)done, (ull)(c->m->clock.now_ns - begun));
	return err;
}

int call_ioread32_rep(struct call *c)
{
	return fifo_rep(c, false);
}

int call_iowrite32_rep(struct call *c)
{
	return fifo_rep(c, true);
}

/* ---- channels ---- */

int call_dma_request_chan(struct call *c)
{
	uint32_t handle;
	int err = dma_request_chan(c->m, device_of(c), c->arg[0].word, c->arg[0].len, &handle);

	if (!err)
		text_printf(c->result, "%u controller=%s channel=%u", handle,
			dma_handle_controller(c->m, handle)->name, dma_handle_channel(handle));
	return err;
}

int call_dma_release_channel(struct call *c)
{
	return dma_release_channel(c->m, device_of(c), (uint32_t)c->arg[0].number);
}

static int prep(struct call *c, const struct dma_descriptor *x)
{
	uint32_t number;
	int err = dma_prep(c->m, device_of(c), (uint32_t)c->arg[0].number, x, &number);

	if (!err)
		text_dec(c->result, number, 0);
	return err;
}

int call_dmaengine_prep_dma_memcpy(struct call *c)
{
	const struct dma_descriptor x = {.target = c->arg[1].number,
		.source = c->arg[2].number,
		.bytes = c->arg[3].number,
		.kind = TRANSFER_COPY};

	return prep(c, &x);
}

int call_dmaengine_prep_slave_single(struct call *c)
{
	bool to_device = c->arg[3].number == 1;
	const struct dma_descriptor x = {.target = c->arg[1].number,
		.source = c->arg[1].number,
		.bytes = c->arg[2].number,
		.kind = to_device ? TRANSFER_READ : TRANSFER_WRITE,
		.slave = true};

	return prep(c, &x);
}

int call_dmaengine_submit(struct call *c)
{
	uint32_t cookie;
	int err = dma_submit(c->m, device_of(c), (uint32_t)c->arg[0].number,
		(uint32_t)c->arg[1].number, &cookie);

	if (!err)
		text_dec(c->result, cookie, 0);
	return err;
}

int call_dma_async_issue_pending(struct call *c)
{
	return dma_issue_pending(c->m, device_of(c), (uint32_t)c->arg[0].number);
}

int call_dma_async_is_tx_complete(struct call *c)
{
	const char *status = dma_tx_status(
		c->m, device_of(c), (uint32_t)c->arg[0].number, (uint32_t)c->arg[1].number);

	if (!status)
		return -c->m->why.err;
	text_puts(c->result, status);
	return 0;
}

/* ---- the ISA bus ---- */

int call_request_dma(struct call *c)
{
	return request_dma(c->m, (unsigned)(c->arg[0].number > 99 ? 99 : c->arg[0].number),
		c->arg[1].word, c->arg[1].len);
}

int call_free_dma(struct call *c)
{
	return free_dma(c->m, (unsigned)(c->arg[0].number > 99 ? 99 : c->arg[0].number));
}
