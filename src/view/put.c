/* SPDX-License-Identifier: MIT
 *
 * Small pieces of text that several files of the mount share (see view/put.h).
 */
#include "view/put.h"

uint64_t node_stat_shown(const struct machine *m, enum node_stat_item item, uint64_t pages)
{
	switch (item) {
	case ND_nr_anon_transparent_hugepages:
	case ND_nr_shmem_hugepages:
	case ND_nr_shmem_pmdmapped:
	case ND_nr_file_hugepages:
	case ND_nr_file_pmdmapped:
		return m->pcp_thp_order ? pages >> m->pcp_thp_order : pages;
	default:
		return pages;
	}
}

void put_list(struct text *out, const struct machine *m, unsigned n, has_fn *has, const void *data)
{
	const char *separator = "";

	for (unsigned i = 0; i < n; i++) {
		unsigned last = i;

		if (!has(m, i, data))
			continue;
		while (last + 1 < n && has(m, last + 1, data))
			last++;
		text_puts(out, separator);
		text_dec(out, i, 0);
		if (last > i) {
			text_putc(out, '-');
			text_dec(out, last, 0);
		}
		separator = ",";
		i = last;
	}
}

void put_mask(struct text *out, const struct machine *m, unsigned n, has_fn *has, const void *data)
{
	unsigned nr_words = n ? (n + 31) / 32 : 1;

	for (unsigned word = nr_words; word--;) {
		unsigned bits = word == nr_words - 1 && n % 32 ? n % 32 : 32;
		uint32_t value = 0;

		for (unsigned i = 0; i < bits; i++)
			if (word * 32 + i < n && has(m, word * 32 + i, data))
				value |= 1u << i;
		text_hex(out, value, (bits + 3) / 4);
		if (word)
			text_putc(out, ',');
	}
}
