/* SPDX-License-Identifier: MIT
 *
 * PCs in devicetrees: our own binding for what a BIOS says (docs/devicetree.md).
 *
 *	e820 {
 *		compatible = "simmfs,e820";
 *		entries = <start-hi start-lo  size-hi size-lo  type>, ...;	type as BIOS's INT 15h E820 numbers it
 *		low-ram-max = <hi lo>;	 with -o ram=, RAM from here on is moved above 4 GiB
 *	};
 *	iomem {				 and `ioports`, alike
 *		#address-cells = <2>; #size-cells = <2>;
 *		video@a0000 { label = "Video RAM area"; reg = <0 0xa0000 0 0x20000>; };
 *		pci { label = "PCI Bus 0000:00"; reg = ...; after-ram; };
 *	};
 */
#include "mm/boot/dt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>

static bool type_of(uint64_t number, enum firmware_type *type)
{
	switch (number) {
	case 1:
		*type = FIRMWARE_USABLE;
		return true;
	case 2:
	case 5: /* "unusable": as good as reserved */
		*type = FIRMWARE_RESERVED;
		return true;
	case 3:
		*type = FIRMWARE_ACPI;
		return true;
	case 4:
		*type = FIRMWARE_NVS;
		return true;
	case 7:
		*type = FIRMWARE_PERSISTENT;
		return true;
	default:
		return false;
	}
}

int describe_e820(struct machine_desc *d, const void *fdt, int node, struct refusal *why)
{
	struct cells c = dt_cells(fdt, node, "entries");
	uint64_t start, size, number;

	d->e820 = true;
	d->low_ram_max = 0xc0000000;
	if (dt_has(fdt, node, "low-ram-max") && !dt_u64(fdt, node, "low-ram-max", &d->low_ram_max))
		return refuse(why, EINVAL,
			"the e820 node's low-ram-max must be an address of one or two cells");
	while (c.left) {
		struct firmware_range *r = &d->fw[d->nr_fw];
		bool whole = cells_take(&c, 2, &start) && cells_take(&c, 2, &size) &&
			     cells_take(&c, 1, &number);

		if (!whole || !type_of(number, &r->type))
			return refuse(why, EINVAL,
				"the e820 node's entries must be groups of five cells: start and "
				"size of two each, then "
				"type 1 usable, 2 reserved, 3 ACPI, 4 NVS, 5 unusable or 7 "
				"persistent");
		if (!size)
			continue;
		if (d->nr_fw == DESCRIBE_MAX_RANGES - 8)
			return refuse(why, EINVAL, "the e820 table has more than %d entries",
				DESCRIBE_MAX_RANGES - 8);
		r->start = start;
		r->end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
		d->nr_fw++;
	}
	if (!d->nr_fw)
		return refuse(why, EINVAL, "the e820 node has no entries");
	return 0;
}

void describe_io_names(struct machine_desc *d, const void *fdt, int node, bool port)
{
	unsigned address, size;
	int child;

	dt_bus_cells(fdt, node, &address, &size);
	fdt_for_each_subnode(child, fdt, node)
	{
		struct cells c = dt_cells(fdt, child, "reg");
		const char *label = dt_string(fdt, child, "label");
		uint64_t start, bytes;

		while (d->nr_io < DESCRIBE_MAX_IO && cells_take(&c, address, &start) &&
			cells_take(&c, size, &bytes) && address + size) {
			struct io_range *r = &d->io[d->nr_io];

			if (!bytes || bytes - 1 > UINT64_MAX - start)
				continue;
			snprintf(r->name, sizeof(r->name), "%s",
				label ? label : fdt_get_name(fdt, child, NULL));
			r->start = start;
			r->end = start + bytes - 1;
			r->port = port;
			r->after_ram = dt_has(fdt, child, "after-ram");
			d->nr_io++;
		}
	}
}
