/* SPDX-License-Identifier: MIT
 *
 * Devices at work: transfers in virtual time on the shared bus, and the CPU that talks to their registers.
 */
#ifndef SIMM_MM_DMA_ENGINE_H
#define SIMM_MM_DMA_ENGINE_H

#include "mm/dma/device.h"

/* Queue a transfer of @d and let it ask for the bus; *@t may be given more before time passes. Errors: EBUSY (the
 * device's queue is full), EINVAL (no bytes), EDQUOT, ENOMEM. */
int device_start(struct machine *m, struct device *d, enum transfer_kind kind, uint64_t source,
	uint64_t target, uint64_t bytes, struct bus_transfer **t);
/* The bus's event: one transaction. */
void bus_step(struct machine *m);
/* CPU @cpu had @n transactions with DRAM just now, of @bytes each: the time that it waited for others. */
uint64_t bus_cpu_wait(struct machine *m, unsigned cpu, uint64_t n, uint32_t bytes);
/* Has it nothing to do? */
bool device_idle(const struct machine *m, const struct device *d);
/* Nor a channel that works for it? */
bool device_settled(const struct machine *m, const struct device *d);

/* Programmed I/O. Registers are words at byte offsets. Errors: EINVAL (no such register). The cycles count as time. */
int device_readl(struct machine *m, unsigned cpu, struct device *d, uint64_t reg, uint32_t *value);
int device_writel(struct machine *m, unsigned cpu, struct device *d, uint64_t reg, uint32_t value);
/* What a load or store at the physical addresses of a device's registers does (hw/dram.h); owner: the machine. */
int device_registers_access(
	const struct registers *r, uint64_t pa, unsigned bytes, bool write, uint64_t *value);
/* ioread32_rep(), iowrite32_rep(): @count words between the FIFO and memory at the kernel's address @va, through the
 * CPU's caches. *@done: words moved. Errors: EFAULT, EDQUOT. */
int device_fifo_rep(struct machine *m, unsigned cpu, struct device *d, bool to_device, uint64_t va,
	uint64_t count, uint64_t *done);

/* dmaengine.c: channels. A handle is a controller's id and the channel's number. */

/* Make it a DMA controller of @n channels, or none. Errors: EINVAL, EBUSY, EDQUOT. */
int dma_set_channels(struct machine *m, struct device *d, unsigned n);
static inline struct dma_chan *dma_channels(const struct machine *m, const struct device *d)
{
	return d->channels_at ? machine_at(m, d->channels_at) : NULL;
}
/* Errors: EBUSY: a device has channels of @d. */
int dma_channels_in_use(struct machine *m, const struct device *d);
void dma_release_channels_of(struct machine *m, const struct device *client);
/* A transfer of a controller's channel is done. */
void dma_channel_done(struct machine *m, struct device *d, const struct bus_transfer *t);

/* dma_request_chan(). Errors: ENODEV (no controller), EBUSY (no free channel). */
int dma_request_chan(
	struct machine *m, struct device *client, const char *name, size_t len, uint32_t *handle);
int dma_release_channel(struct machine *m, struct device *client, uint32_t handle);
/* A descriptor's number in its channel, from 1. Errors: EINVAL (not the client's channel, no bytes), ENOSPC. */
int dma_prep(struct machine *m, struct device *client, uint32_t handle, const struct dma_descriptor *what,
	uint32_t *number);
int dma_submit(struct machine *m, struct device *client, uint32_t handle, uint32_t number, uint32_t *cookie);
int dma_issue_pending(struct machine *m, struct device *client, uint32_t handle);
/* "DMA_COMPLETE", "DMA_IN_PROGRESS", "DMA_ERROR"; NULL with m->why. */
const char *dma_tx_status(struct machine *m, struct device *client, uint32_t handle, uint32_t cookie);
struct device *dma_handle_controller(const struct machine *m, uint32_t handle);
static inline unsigned dma_handle_channel(uint32_t handle)
{
	return handle % DMA_MAX_CHANNELS;
}

/* Registers of every device that was made by hand, and of a board's as far as drawn here. */
enum device_register {
	DEVICE_REG_FIFO = 0x0,	 /* read: the next word that it gives; write: a word that it takes */
	DEVICE_REG_STATUS = 0x4, /* bit 0: busy; bit 1: its last transfer failed */
	DEVICE_REG_SUM = 0x8,	 /* of the bytes that it took */
	DEVICE_REG_WORD = 0xc,	 /* the word that its FIFO gives */
};

#endif
