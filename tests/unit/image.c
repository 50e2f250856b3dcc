/* SPDX-License-Identifier: MIT
 *
 * Claim: the bounds of a program's segments come out of its faults, to the page, when rss_stat tells what each mapped.
 *
 *	0x400		r-- 5 pages		0x405	r-x 40 pages	0x42d	r-- 9	0x436	rw- 3 + 2 of bss
 *
 * The faults are made by a second model of fault-around, which touches pages in a random order.
 */
#include "replay/image.h"
#include "replay/image_internal.h"

#include "base/rng.h"

#include <criterion/criterion.h>
#include <string.h>

#define PAGE 4096u
enum { PAGES = 64 };

/* Pages of each segment: headers, text, rodata, data, bss. */
struct shape {
	unsigned pages[5];
};

struct model {
	struct shape s;
	bool there[PAGES];
	struct image_fault fault[PAGES * 2];
	size_t nr;
	uint64_t base;
};

static unsigned segment_of(const struct shape *s, unsigned page, unsigned *from, unsigned *to)
{
	unsigned at = 0, i = 0;

	for (; i < 5; at += s->pages[i++])
		if (page < at + s->pages[i])
			break;
	*from = at;
	*to = at + s->pages[i];
	return i;
}

static void touch(struct model *m, unsigned page, enum image_access access)
{
	unsigned from, to, segment = segment_of(&m->s, page, &from, &to), came = 0;
	struct image_fault *f = &m->fault[m->nr];

	if (m->there[page])
		return;
	*f = (struct image_fault){.addr = m->base + page * PAGE + 8, .access = (uint8_t)access};
	if (access == IMAGE_WRITE || segment == 4) {
		m->there[page] = true;
	} else {
		uint64_t vpn = m->base / PAGE + page;
		long first = (long)page - (long)(vpn % 16), last;

		if (first < (long)from)
			first = (long)from;
		last = first + 16 < (long)to ? first + 16 : (long)to;
		for (long p = first; p < last; p++) {
			came += !m->there[p];
			m->there[p] = true;
		}
	}
	f->file_pages = (int16_t)came;
	m->nr++;
}

static unsigned total(const struct shape *s)
{
	return s->pages[0] + s->pages[1] + s->pages[2] + s->pages[3] + s->pages[4];
}

static void play(struct model *m, struct rng *rng)
{
	const unsigned *p = m->s.pages;
	unsigned data = p[0] + p[1] + p[2];

	touch(m, 0, IMAGE_READ);
	touch(m, data, IMAGE_READ);
	for (unsigned i = 0; i < 40; i++) {
		unsigned page = rng_below(rng, total(&m->s)), from, to;
		static const uint8_t accesses[] = {
			IMAGE_READ, IMAGE_FETCH, IMAGE_READ, IMAGE_WRITE, IMAGE_WRITE};

		touch(m, page, accesses[segment_of(&m->s, page, &from, &to)]);
	}
}

Test(image, bounds_are_found_to_the_page)
{
	static const struct shape shapes[] = {{{5, 40, 9, 3, 2}}, {{4, 22, 9, 2, 1}},
		{{1, 38, 10, 4, 0}}, {{20, 20, 20, 2, 2}}, {{2, 4, 2, 1, 1}}, {{1, 1, 1, 1, 1}}};
	struct rng rng = {1};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct model m = {.s = shapes[i], .base = 0x400000};
		const unsigned *p = m.s.pages;

		play(&m, &rng);
		struct image img = {.base = m.base, .end = m.base + total(&m.s) * PAGE};
		img.data = m.base + (p[0] + p[1] + p[2]) * PAGE;
		cr_assert(image_fit(&img, true, m.fault, m.nr));
		cr_expect_eq((img.text - img.base) / PAGE, p[0], "shape %zu: text at %lu", i,
			(unsigned long)(img.text - img.base) / PAGE);
		cr_expect_eq((img.rodata - img.text) / PAGE, p[1], "shape %zu: %lu pages of text",
			i, (unsigned long)(img.rodata - img.text) / PAGE);
		cr_expect_eq(img.data, m.base + (p[0] + p[1] + p[2]) * PAGE);
	}
}

/* Without rss_stat the pages that did not fault again still limit the bounds. */
Test(image, bounds_are_in_order_whatever_the_faults)
{
	struct rng rng = {5};

	for (unsigned n = 0; n < 300; n++) {
		struct image_fault faults[12];
		struct image img = {
			.base = 0x10000, .end = 0x10000 + 40 * PAGE, .data = 0x10000 + 30 * PAGE};
		size_t nr = rng_below(&rng, 12);

		for (size_t i = 0; i < nr; i++)
			faults[i] =
				(struct image_fault){.addr = 0x10000 + rng_below(&rng, 40 * PAGE),
					.file_pages = (int16_t)((int)rng_below(&rng, 18) - 1),
					.access = (uint8_t)rng_below(&rng, 3),
					.major = !rng_below(&rng, 9),
					.clears = !rng_below(&rng, 9),
					.run = (uint32_t)(i * 2 / 12)};
		cr_assert(image_fit(&img, n & 1, faults, nr));
		cr_expect(img.base <= img.text && img.text <= img.rodata &&
				  img.rodata <= img.data && img.data <= img.bss &&
				  img.bss <= img.end,
			"round %u", n);
	}
}
