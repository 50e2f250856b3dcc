/* SPDX-License-Identifier: MIT
 *
 * The PC's eight ISA DMA channels: who has which (kernel/dma.c).
 */
#ifndef SIMM_MM_DMA_ISA_H
#define SIMM_MM_DMA_ISA_H

#include <stddef.h>

struct machine;
struct text;

#define ISA_DMA_CHANNELS 8
#define ISA_DMA_NAME_MAX 16

struct isa_dma {
	char name[ISA_DMA_CHANNELS][ISA_DMA_NAME_MAX]; /* "": free; channel 4 always is the cascade */
};

/* Errors: EINVAL (no such channel), EBUSY. */
int request_dma(struct machine *m, unsigned channel, const char *name, size_t len);
/* A channel that was free already is only complained about in the log. Errors: EINVAL. */
int free_dma(struct machine *m, unsigned channel);
/* proc/dma */
void isa_dma_show(const struct machine *m, struct text *out);

#endif
