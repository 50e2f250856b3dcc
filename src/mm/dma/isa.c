/* SPDX-License-Identifier: MIT
 *
 * ISA DMA channels (see isa.h): names, not transfers. Two controllers of four channels each; the second one's first channel,
 * number 4, joins the first one to it, so nobody can have it.
 *
 * Follows kernel/dma.c of 6.1.
 */
#include "mm/dma/isa.h"

#include "base/text.h"
#include "mm/machine.h"

#include <errno.h>
#include <string.h>

#define CASCADE 4

static const char *name_of(const struct machine *m, unsigned channel)
{
	return channel == CASCADE ? "cascade" : m->devices.isa.name[channel];
}

static int no_channel(struct machine *m, unsigned channel)
{
	return refuse(&m->why, EINVAL, "there is no channel %u: they go from 0 to %d", channel,
		ISA_DMA_CHANNELS - 1);
}

int request_dma(struct machine *m, unsigned channel, const char *name, size_t len)
{
	if (channel >= ISA_DMA_CHANNELS)
		return no_channel(m, channel);
	if (!len || len >= ISA_DMA_NAME_MAX)
		return refuse(
			&m->why, EINVAL, "a name has 1 to %d characters", ISA_DMA_NAME_MAX - 1);
	if (name_of(m, channel)[0])
		return refuse(&m->why, EBUSY, "%s has channel %u", name_of(m, channel), channel);
	memcpy(m->devices.isa.name[channel], name, len);
	return 0;
}

int free_dma(struct machine *m, unsigned channel)
{
	if (channel >= ISA_DMA_CHANNELS) {
		log_printf(m, "Trying to free DMA%u", channel);
		return no_channel(m, channel);
	}
	if (!m->devices.isa.name[channel][0]) {
		log_printf(m, "Trying to free free DMA%u", channel);
		return refuse(&m->why, EINVAL, "nobody has requested channel %u", channel);
	}
	memset(m->devices.isa.name[channel], 0, ISA_DMA_NAME_MAX);
	return 0;
}

void isa_dma_show(const struct machine *m, struct text *out)
{
	for (unsigned i = 0; i < ISA_DMA_CHANNELS; i++)
		if (name_of(m, i)[0])
			text_printf(out, "%2u: %s\n", i, name_of(m, i));
}
