/* SPDX-License-Identifier: MIT
 *
 * DMA controllers: channels that move bytes for devices that cannot do it themselves (see engine.h).
 *
 *	dma_request_chan ──> channel
 *	dmaengine_prep_* ──> descriptor ──dmaengine_submit──> cookie ──dma_async_issue_pending──> transfer
 *	                                                                                            │
 *	the client's log <── callback, when it is done <────────────────────────────────────────────┘
 *
 * The controller is the master on the bus: its mask and its windows count, and buffers are mapped for it, not for the
 * client. A slave transfer has memory at one end and the client's FIFO at the other.
 *
 * Left out: cyclic and interleaved transfers, terminating; a controller does its channels' transfers in the order in which
 * they were issued. Follows drivers/dma/dmaengine.h, Documentation/driver-api/dmaengine of 6.1.
 */
#include "mm/dma/engine.h"

#include <errno.h>
#include <string.h>

struct device *dma_handle_controller(const struct machine *m, uint32_t handle)
{
	struct device *d = device_find(m, handle / DMA_MAX_CHANNELS);

	return d && dma_handle_channel(handle) < d->nr_channels ? d : NULL;
}

/* The client's channel; NULL with the sentence. */
static struct dma_chan *channel_of(struct machine *m, const struct device *client, uint32_t handle)
{
	struct device *d = dma_handle_controller(m, handle);
	struct dma_chan *c = d ? &dma_channels(m, d)[dma_handle_channel(handle)] : NULL;

	if (c && c->client == client->id)
		return c;
	refuse(&m->why, EINVAL, "%u is no channel of %s: dma_request_chan gives one", handle,
		client->name);
	return NULL;
}

int dma_channels_in_use(struct machine *m, const struct device *d)
{
	const struct dma_chan *c = dma_channels(m, d);

	for (unsigned i = 0; i < d->nr_channels; i++)
		if (c[i].client)
			return refuse(&m->why, EBUSY,
				"%s has channel %u of %s: dma_release_channel first",
				device_find(m, c[i].client)->name, i, d->name);
	return 0;
}

int dma_set_channels(struct machine *m, struct device *d, unsigned n)
{
	if (n > DMA_MAX_CHANNELS)
		return refuse(&m->why, EINVAL, "a DMA controller has at most %d channels",
			DMA_MAX_CHANNELS);
	int err = dma_channels_in_use(m, d);
	if (err)
		return err;
	uint64_t at = n ? heap_alloc(m, n * sizeof(struct dma_chan)) : 0;
	if (n && !at)
		return -m->why.err;
	heap_free(m, d->channels_at, d->nr_channels * sizeof(struct dma_chan));
	d->channels_at = at;
	d->nr_channels = (uint8_t)n;
	return 0;
}

static bool has_issued(const struct dma_chan *c)
{
	for (unsigned i = 0; i < DMA_CHAN_DESCRIPTORS; i++)
		if (c->descriptor[i].state == DMA_DESC_ISSUED)
			return true;
	return false;
}

void dma_release_channels_of(struct machine *m, const struct device *client)
{
	for (struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1))
		for (unsigned i = 0; i < d->nr_channels; i++)
			if (dma_channels(m, d)[i].client == client->id)
				memset(&dma_channels(m, d)[i], 0, sizeof(struct dma_chan));
}

int dma_request_chan(
	struct machine *m, struct device *client, const char *name, size_t len, uint32_t *handle)
{
	bool any = false;

	for (struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1)) {
		any |= d->nr_channels != 0;
		for (unsigned i = 0; i < d->nr_channels; i++) {
			struct dma_chan *c = &dma_channels(m, d)[i];

			if (c->client || has_issued(c))
				continue;
			memset(c, 0, sizeof(*c));
			c->client = client->id;
			memcpy(c->name, name, len < sizeof(c->name) ? len : sizeof(c->name) - 1);
			*handle = d->id * DMA_MAX_CHANNELS + i;
			return 0;
		}
	}
	return any ? refuse(&m->why, EBUSY, "all channels of the DMA controllers are taken")
		   : refuse(&m->why, ENODEV,
			     "there is no DMA controller: mkdir sim/devices/dma0, and write a "
			     "number to its "
			     "`channels`");
}

int dma_release_channel(struct machine *m, struct device *client, uint32_t handle)
{
	struct dma_chan *c = channel_of(m, client, handle);

	if (!c)
		return -EINVAL;
	if (has_issued(c))
		return refuse(&m->why, EBUSY,
			"the channel still works: wait_for_completion waits for it");
	memset(c, 0, sizeof(*c));
	return 0;
}

int dma_prep(struct machine *m, struct device *client, uint32_t handle,
	const struct dma_descriptor *what, uint32_t *number)
{
	struct dma_chan *c = channel_of(m, client, handle);

	if (!c)
		return -EINVAL;
	if (!what->bytes)
		return refuse(&m->why, EINVAL, "a transfer moves at least one byte");
	for (unsigned i = 0; i < DMA_CHAN_DESCRIPTORS; i++) {
		if (c->descriptor[i].state != DMA_DESC_FREE)
			continue;
		c->descriptor[i] = *what;
		c->descriptor[i].state = DMA_DESC_PREPARED;
		*number = i + 1;
		return 0;
	}
	return refuse(&m->why, ENOSPC, "the channel has %d descriptors, and all are in use",
		DMA_CHAN_DESCRIPTORS);
}

int dma_submit(struct machine *m, struct device *client, uint32_t handle, uint32_t number,
	uint32_t *cookie)
{
	struct dma_chan *c = channel_of(m, client, handle);

	if (!c)
		return -EINVAL;
	if (!number || number > DMA_CHAN_DESCRIPTORS ||
		c->descriptor[number - 1].state != DMA_DESC_PREPARED)
		return refuse(&m->why, EINVAL,
			"%u is no descriptor that was prepared and not submitted yet: "
			"dmaengine_prep_* gives one",
			number);
	c->descriptor[number - 1].state = DMA_DESC_SUBMITTED;
	*cookie = c->descriptor[number - 1].cookie = ++c->cookie;
	return 0;
}

/* The submitted descriptor of the lowest cookie; NULL: none. */
static struct dma_descriptor *next_submitted(struct dma_chan *c)
{
	struct dma_descriptor *best = NULL;

	for (unsigned i = 0; i < DMA_CHAN_DESCRIPTORS; i++) {
		struct dma_descriptor *x = &c->descriptor[i];

		if (x->state == DMA_DESC_SUBMITTED && (!best || x->cookie < best->cookie))
			best = x;
	}
	return best;
}

int dma_issue_pending(struct machine *m, struct device *client, uint32_t handle)
{
	struct dma_chan *c = channel_of(m, client, handle);
	struct dma_descriptor *x;

	if (!c)
		return -EINVAL;
	while ((x = next_submitted(c))) {
		struct bus_transfer *t;
		int err = device_start(m, dma_handle_controller(m, handle),
			(enum transfer_kind)x->kind, x->source, x->target, x->bytes, &t);

		if (err)
			return err;
		t->cookie = x->cookie;
		t->channel = (uint8_t)dma_handle_channel(handle);
		t->client = x->slave ? client->id : 0;
		x->state = DMA_DESC_ISSUED;
		if (x->slave && x->kind == TRANSFER_WRITE) {
			const struct hw_engine *e = device_engine(m, client);

			t->pattern = e ? e->fifo_word : 0;
		}
	}
	return 0;
}

void dma_channel_done(struct machine *m, struct device *d, const struct bus_transfer *t)
{
	struct dma_chan *c = &dma_channels(m, d)[t->channel];
	struct device *client = device_find(m, c->client);

	for (unsigned i = 0; i < DMA_CHAN_DESCRIPTORS; i++)
		if (c->descriptor[i].state == DMA_DESC_ISSUED &&
			c->descriptor[i].cookie == t->cookie)
			c->descriptor[i].state = DMA_DESC_FREE;
	c->completed = t->cookie;
	if (t->error)
		c->failed = t->cookie;
	if (client)
		device_log(m, client, "callback: cookie %u of %s: %s", t->cookie, d->name,
			t->error ? "DMA_ERROR" : "DMA_COMPLETE");
}

const char *dma_tx_status(
	struct machine *m, struct device *client, uint32_t handle, uint32_t cookie)
{
	const struct dma_chan *c = channel_of(m, client, handle);

	if (!c)
		return NULL;
	if (!cookie || cookie > c->cookie) {
		refuse(&m->why, EINVAL, "the channel has given the cookies 1 to %u", c->cookie);
		return NULL;
	}
	return cookie > c->completed ? "DMA_IN_PROGRESS"
	       : cookie == c->failed ? "DMA_ERROR"
				     : "DMA_COMPLETE";
}

bool device_settled(const struct machine *m, const struct device *client)
{
	if (!device_idle(m, client))
		return false;
	for (struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1))
		for (unsigned i = 0; i < d->nr_channels; i++)
			if (dma_channels(m, d)[i].client == client->id &&
				has_issued(&dma_channels(m, d)[i]))
				return false;
	return true;
}
