/* SPDX-License-Identifier: MIT
 *
 * Devices where Linux shows them: sys/devices/platform, sys/bus/platform, proc/dma, and debugfs's bounce buffers.
 *
 * All platform devices lie side by side here, also those whose parent in the devicetree is a device itself.
 * Formats of drivers/base/platform.c, drivers/of/device.c, kernel/dma.c, kernel/dma/swiotlb.c of 6.1.
 */
#include "view/device.h"
#include "view/files.h"

#include <string.h>

typedef unsigned long long ull;

int show_device_link(struct view *v, struct text *out)
{
	text_printf(out, "../../../devices/platform/%s", view_device(v)->name);
	return 0;
}

int show_device_subsystem(struct view *v, struct text *out)
{
	text_puts(out, "../../../bus/platform");
	return 0;
}

int show_device_override(struct view *v, struct text *out)
{
	text_puts(out, "(null)\n");
	return 0;
}

/* No driver has that name either. */
int64_t store_device_override(struct view *v, const char *data, size_t len)
{
	return (int64_t)len;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "of:NserialT(null)Carm,pl011", or "platform:nic". */
static void put_modalias(const struct device *d, struct text *out)
{
	const char *node = base_name(d->of_path);

	if (d->of_path[0])
		text_printf(
			out, "of:N%.*sT(null)C%s", (int)strcspn(node, "@"), node, d->compatible);
	else
		text_printf(out, "platform:%s", d->name);
}

int show_device_modalias(struct view *v, struct text *out)
{
	put_modalias(view_device(v), out);
	text_putc(out, '\n');
	return 0;
}

int show_device_uevent(struct view *v, struct text *out)
{
	const struct device *d = view_device(v);
	const char *node = base_name(d->of_path);

	if (d->of_path[0])
		text_printf(out,
			"OF_NAME=%.*s\nOF_FULLNAME=%s\nOF_COMPATIBLE_0=%s\nOF_COMPATIBLE_N=1\n",
			(int)strcspn(node, "@"), node, d->of_path, d->compatible);
	if (*d->driver)
		text_printf(out, "DRIVER=%s\n", d->driver);
	text_puts(out, "MODALIAS=");
	put_modalias(d, out);
	text_putc(out, '\n');
	return 0;
}

/* ---- elsewhere ---- */

int show_isa_dma(struct view *v, struct text *out)
{
	isa_dma_show(v->m, out);
	return 0;
}

bool has_swiotlb(const struct machine *m)
{
	return m->devices.swiotlb.nslabs != 0;
}

int show_io_tlb_nslabs(struct view *v, struct text *out)
{
	text_printf(out, "%llu\n", (ull)v->m->devices.swiotlb.nslabs);
	return 0;
}

int show_io_tlb_used(struct view *v, struct text *out)
{
	text_printf(out, "%llu\n", (ull)v->m->devices.swiotlb.used);
	return 0;
}
