/* SPDX-License-Identifier: MIT
 *
 * A device as hardware: how its addresses become places in DRAM, and what it does on the bus.
 *
 *	address that software gave it
 *	   | the lines that it drives: the rest of the bits is cut off
 *	   v
 *	bus address ---> window of its bus (dma-ranges) ---> physical address ---> DRAM
 *	                   none holds it: the bus aborts
 *
 * Nothing checks what software asked for. A device of 24 lines that is told 0x1234567 reads 0x234567; a window that is
 * off by a gigabyte gives somebody else's memory. That is what masks and mappings of the kernel's DMA API are for, and
 * what goes wrong without them.
 *
 * It has a queue of transfers, done in order, a burst at a time. A memory transfer goes from one address to another
 * (a DMA controller's); others go between memory and the device's own FIFO: what it writes is a pattern of 32-bit
 * words, what it reads goes into a sum and a window of the latest bytes.
 */
#ifndef SIMM_HW_DEVICE_H
#define SIMM_HW_DEVICE_H

#include "hw/bus.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_MAX_WINDOWS   16
#define DEVICE_MAX_TRANSFERS 64
#define DEVICE_MAX_BURST     256
#define DEVICE_SEEN_BYTES    64

/* [cpu, cpu + bytes) of physical addresses answers at [bus, bus + bytes) of the device's bus. */
struct bus_window {
	uint64_t cpu, bus, bytes;
};

enum transfer_kind {
	TRANSFER_READ,	/* the device reads memory */
	TRANSFER_WRITE, /* the device writes memory */
	TRANSFER_COPY,	/* from memory to memory */
};

enum transfer_error {
	TRANSFER_OK,
	TRANSFER_ABORT, /* no window of the bus, or nothing there */
	TRANSFER_FAULT, /* the IOMMU refused */
	TRANSFER_HOST,	/* the host's memory ended */
};

struct bus_transfer {
	uint64_t source, target; /* device addresses; of the FIFO's side unused */
	uint64_t bytes, done;
	uint64_t begun_ns;
	uint32_t pattern;	 /* TRANSFER_WRITE: the word that is written again and again */
	uint32_t cookie;	 /* of a DMA controller's: what dmaengine_submit() gave */
	uint8_t kind;		 /* enum transfer_kind */
	uint8_t channel;	 /* of a DMA controller's; else 0 */
	uint8_t error;		 /* enum transfer_error */
	uint8_t half;		 /* TRANSFER_COPY: 1: the burst was read and is to be written */
	uint32_t client;	 /* of a DMA controller's: the device whose FIFO the other side is; 0: memory */
	uint64_t error_at;	 /* the device address that failed */
	uint32_t sum;		 /* of the bytes moved: the sum of them */
	uint32_t unused;
};

struct hw_device {
	struct bus_master master;
	uint8_t address_bits;	/* lines that it drives, 1-64 */
	bool coherent;		/* goes through the CPUs' caches */
	uint8_t nr_windows;
	bool windowed;		/* the bus has windows; false: bus addresses are physical ones */
	struct bus_window window[DEVICE_MAX_WINDOWS];
	uint32_t burst_bytes;	/* of one transaction */
	uint32_t gap_ns;	/* what it needs from one burst to the next */
};

/* What moves its bytes. It is large, and most devices never move any: so it is a piece of its own. */
struct hw_engine {
	/* The transfers, a ring. */
	uint32_t first, nr;
	struct bus_transfer transfer[DEVICE_MAX_TRANSFERS];
	uint8_t held[DEVICE_MAX_BURST]; /* of a copy, between read and write */
	/* The FIFO's far end. */
	uint32_t fifo_word;	/* the word that it gives */
	uint32_t fifo_sum;	/* of the bytes that it took */
	uint64_t fifo_taken, fifo_given;
	uint8_t seen[DEVICE_SEEN_BYTES]; /* the first bytes of the latest transfer that it took */
	uint32_t nr_seen;
	uint32_t failed;	/* its last transfer did */
};

static inline uint64_t hw_device_lines(const struct hw_device *d, uint64_t address)
{
	return d->address_bits < 64 ? address & (((uint64_t)1 << d->address_bits) - 1) : address;
}

/* The physical address behind a bus address; false: no window of the bus. *@left: bytes up to the window's end. */
bool hw_device_route(const struct hw_device *d, uint64_t bus, uint64_t *pa, uint64_t *left);
/* The bus address of a physical one; false: none. */
bool hw_device_bus_of(const struct hw_device *d, uint64_t pa, uint64_t *bus);

/* The transfer at hand, NULL: the device is idle. */
static inline struct bus_transfer *hw_engine_transfer(struct hw_engine *e)
{
	return e->nr ? &e->transfer[e->first] : NULL;
}

/* Queue one; NULL when the queue is full. */
struct bus_transfer *hw_engine_queue(struct hw_engine *e);
void hw_engine_dequeue(struct hw_engine *e);

/* The device takes @bytes from memory, or gives them: its FIFO's far end. @at: how many went before in this transfer. */
void hw_engine_take(struct hw_engine *e, const uint8_t *data, uint32_t bytes, uint64_t at);
void hw_engine_give(struct hw_engine *e, uint32_t word, uint8_t *data, uint32_t bytes, uint64_t at);

#endif
