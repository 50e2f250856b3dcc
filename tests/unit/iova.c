/* SPDX-License-Identifier: MIT
 *
 * Claims about I/O addresses, on a heap alone: the allocator of 6.1 against a list of what is held.
 *
 *	0        start 16                                                  limit 1023
 *	         |                                   [ c ][ b ]  [   a    ]|        given from above, aligned to their size
 */
#include "support/bare.h"
#include "support/model.h"

#include "base/text.h"
#include "mm/dma/iova.h"

#include <criterion/criterion.h>
#include <errno.h>

enum { START = 16, LIMIT = 1023, DMA32 = 1 << 20 };

static struct machine *begin(struct iova_domain *d)
{
	struct machine *m = bare(64 << 20);

	cr_assert_eq(iova_init(m, d, START), 0);
	return m;
}

static void check(struct machine *m, const struct iova_domain *d)
{
	struct text out = {0};

	cr_assert_eq(iova_check(m, d, &out), 0, "%s", text_str(&out));
	text_finish(&out);
}

static uint64_t take(struct machine *m, struct iova_domain *d, uint64_t pages, uint64_t limit)
{
	uint64_t pfn = 0;
	int err = iova_alloc(m, d, pages, limit, &pfn);

	cr_assert(!err || err == -ENOMEM);
	return err ? 0 : pfn;
}

static void end(struct machine *m, struct iova_domain *d)
{
	check(m, d);
	iova_end(m, d);
	cr_expect_eq(m->heap.used_bytes, 0);
	bare_finish(m);
}

Test(iova, from_above_and_aligned)
{
	struct iova_domain d;
	struct machine *m = begin(&d);

	/* Each at a multiple of its size, rounded up to a power of two. */
	cr_expect_eq(take(m, &d, 1, LIMIT), 1023);
	cr_expect_eq(take(m, &d, 2, LIMIT), 1020, "0x3fe is aligned, but its second page is taken");
	cr_expect_eq(take(m, &d, 1, LIMIT), 1019);
	cr_expect_eq(take(m, &d, 3, LIMIT), 1012, "three are four");
	cr_expect_eq(take(m, &d, 40, LIMIT), 960, "beyond 32 pages only the alignment is rounded");
	cr_expect_eq(take(m, &d, 1, LIMIT), 959, "the search goes on below the latest");
	check(m, &d);
	cr_expect_eq(take(m, &d, 1, 500), 500, "a narrower device");
	end(m, &d);
}

Test(iova, a_cached_run_comes_back_first)
{
	struct iova_domain d;
	struct machine *m = begin(&d);
	uint64_t a = take(m, &d, 4, LIMIT), b = take(m, &d, 4, LIMIT);

	iova_free(m, &d, a, 4);
	iova_free(m, &d, b, 4);
	cr_expect_eq(d.nr, 2, "cached runs count as taken");
	check(m, &d);
	cr_expect_eq(take(m, &d, 3, LIMIT), b, "the latest; three pages are four");
	cr_expect(iova_is_run(m, &d, b, 3));
	cr_expect_not(iova_is_run(m, &d, b, 2));
	cr_expect_eq(take(m, &d, 4, b - 1), b - 4, "the cached one is too high for this device");
	cr_expect_eq(take(m, &d, 4, LIMIT), a);
	end(m, &d);
}

Test(iova, larger_runs_are_not_cached)
{
	struct iova_domain d;
	struct machine *m = begin(&d);
	uint64_t a = take(m, &d, 64, LIMIT);

	iova_free(m, &d, a, 64);
	cr_expect_eq(d.nr, 0);
	cr_expect_eq(take(m, &d, 64, LIMIT), a);
	end(m, &d);
}

/* Nothing below the start, nothing that is reserved, and with the caches' runs in the way they are given up. */
Test(iova, full)
{
	struct iova_domain d;
	struct machine *m = begin(&d);
	unsigned nr = 0;
	uint64_t pfn, last = 0;

	cr_assert_eq(iova_reserve(m, &d, 100, 199), 0);
	while ((pfn = take(m, &d, 1, LIMIT))) {
		cr_assert(pfn >= START && pfn <= LIMIT && (pfn < 100 || pfn > 199));
		last = pfn;
		nr++;
	}
	cr_expect_eq(nr, LIMIT + 1 - START - 100);
	cr_expect_eq(last, START);
	check(m, &d);
	/* Eight pages come free one by one, into the cache of single pages: a run of eight needs them in the list. */
	for (pfn = 400; pfn < 408; pfn++)
		iova_free(m, &d, pfn, 1);
	cr_expect_eq(take(m, &d, 8, LIMIT), 400);
	cr_expect_eq(take(m, &d, 1, LIMIT), 0);
	end(m, &d);
}

/* Below 4 GiB is remembered how large a request failed, until something there is given back. */
Test(iova, what_failed_below_4_gib)
{
	struct iova_domain d;
	struct machine *m = begin(&d);
	uint64_t low = take(m, &d, 512, LIMIT);

	cr_assert(low);
	cr_expect_eq(take(m, &d, 512, LIMIT), 0, "the lower half begins at 16");
	cr_expect_eq(d.max32_alloc_pages, 512);
	cr_expect(take(m, &d, 256, LIMIT));
	cr_expect(take(m, &d, 512, DMA32 * 4ull), "others have room above");
	iova_free(m, &d, low, 512);
	cr_expect_eq(take(m, &d, 512, LIMIT), low);
	end(m, &d);
}

/* ---- against a list ---- */

enum { HELD = 400 };

struct held {
	struct model_run run;
	struct machine *m;
	struct iova_domain d;
	struct {
		uint64_t pfn, pages;
	} held[HELD];
	unsigned refused;
};

static void act_take(struct held *x, unsigned i)
{
	uint64_t pages = dice(x, 4) ? 1 + dice(x, 40) : 1 + dice(x, 600), pfn;
	uint64_t limit = dice(x, 2) ? 8191 : 2 * (uint64_t)DMA32 + dice(x, 100000);
	uint64_t align = 1;

	while (align < pages)
		align *= 2;
	if (iova_alloc(x->m, &x->d, pages, limit, &pfn)) {
		/* Only the low addresses are few. */
		expect(x, limit == 8191);
		x->refused++;
		return;
	}
	expect(x, pfn >= START && pfn + pages - 1 <= limit && pfn % align == 0);
	for (unsigned k = 0; k < HELD; k++)
		expect(x, !x->held[k].pages || pfn + pages <= x->held[k].pfn ||
				  x->held[k].pfn + x->held[k].pages <= pfn);
	x->held[i].pfn = pfn;
	x->held[i].pages = pages;
}

Test(iova, random_requests)
{
	static struct held x;
	struct text out;

	for (uint64_t seed = 1; seed <= 4; seed++) {
		x = (struct held){.run.rng.state = seed};
		x.m = begin(&x.d);
		for (unsigned n = 0; n < 20000 && !x.run.wrong; n++) {
			unsigned i = dice(&x, HELD);

			if (!x.held[i].pages) {
				act_take(&x, i);
			} else {
				expect(&x, iova_is_run(x.m, &x.d, x.held[i].pfn, x.held[i].pages));
				iova_free(x.m, &x.d, x.held[i].pfn, x.held[i].pages);
				x.held[i].pages = 0;
			}
			if (n % 256)
				continue;
			text_init(&out);
			expect(&x, !iova_check(x.m, &x.d, &out));
			text_finish(&out);
		}
		cr_expect_eq(x.run.wrong, 0, "seed %llu, line %d", (unsigned long long)seed,
			x.run.first_line);
		cr_expect_gt(x.refused, 100u, "%u", x.refused);
		for (unsigned i = 0; i < HELD; i++)
			if (x.held[i].pages)
				iova_free(x.m, &x.d, x.held[i].pfn, x.held[i].pages);
		iova_flush_caches(x.m, &x.d);
		cr_expect_eq(x.d.nr, 0);
		end(x.m, &x.d);
	}
}
