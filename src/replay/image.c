/* SPDX-License-Identifier: MIT
 *
 * The layout of a program, from what its recording shows of it.
 *
 *	0x555555554000	executable	its heap's first address is its end; an mprotect() of a part that no call mapped
 *					is its RELRO; its lowest fault is in its headers, which the loader reads
 *	0x7ffff7fc2000	[vvar] [vdso]	its ELF header is read at offset 0x20 (0x1c with 32 bits) by the loader
 *	0x7ffff7fca000	interpreter	a program that has one begins in it: the first fetch of user mode outside of the
 *					executable; its own RELRO is the other mprotect()
 *	0x7ffffffff000	stack		the highest faults
 *
 * In steps:
 *  1. Take the faults of the program whose address no call mapped (align.c has put them between the calls).
 *  2. The heap's first brk() ends the executable; without one the lowest mprotect() of the unknown does. The first fetch
 *     above that is the interpreter's entry; what lies within 64 MiB of it is the interpreter's, or the vdso's.
 *  3. What is above the interpreter and its surroundings, or above all else, is the stack.
 *  4. Each image's inner bounds are fitted to its faults (image_fit.c).
 *
 * With address randomization the heap begins some way above the executable; then the mprotect() and the faults alone
 * tell its extent, and a page of bss that nobody touched is missed.
 *
 * Left out: programs that other programs map (emulators); images with holes between segments.
 */
#include "replay/image.h"

#include "replay/image_internal.h"

#include <stdlib.h>
#include <string.h>

#define PAGE	   4096u
#define NEAR_BYTES (UINT64_C(64) << 20)
#define VVAR_MAX   (UINT64_C(16) * PAGE)

enum { ERROR_PROT = 1, ERROR_WRITE = 2, ERROR_FETCH = 16 };

static uint64_t page_of(uint64_t addr)
{
	return addr & ~(uint64_t)(PAGE - 1);
}

struct guess {
	struct vec faults;   /* struct image_fault: of no mapping that a call made */
	struct vec protects; /* struct layout_area of kind LAYOUT_IMAGE */
	uint64_t floor;	     /* the executable lies below this */
	bool heap_is_end;    /* no randomization: it ends there */
};

static uint8_t access_of(const struct rec_fault *f)
{
	if (f->error_code & ERROR_WRITE)
		return IMAGE_WRITE;
	return f->error_code & ERROR_FETCH ? IMAGE_FETCH : IMAGE_READ;
}

static bool of_epoch(const struct rec_fault *f, const struct layout *l, uint32_t epoch)
{
	return f->epoch >= 0 ? (uint32_t)f->epoch == epoch : l->epochs[f->at] == epoch;
}

/* Step 1. */
static bool take_run(struct guess *g, const struct image_run *run, uint32_t number)
{
	const struct vec *faults = &run->process->faults;

	for (size_t i = 0; i < faults->nr; i++) {
		const struct rec_fault *f = VEC_AT(struct rec_fault, faults, i);
		const struct layout_area *a;
		struct image_fault *out;

		if (f->mark != REC_FAULT || !of_epoch(f, run->layout, run->epoch))
			continue;
		a = layout_find(run->layout, f->addr, f->at);
		if (a && a->kind != LAYOUT_IMAGE)
			continue;
		out = vec_add(&g->faults, sizeof(*out));
		if (!out)
			return false;
		*out = (struct image_fault){
			.addr = f->addr,
			.file_pages = f->file_pages,
			.access = access_of(f),
			.major = f->major,
			.protection = f->error_code & ERROR_PROT,
			.clears = !f->from_user && access_of(f) == IMAGE_WRITE,
			.run = number,
		};
	}
	return true;
}

static bool take_protects(struct guess *g, const struct image_run *run)
{
	const struct layout *l = run->layout;

	for (size_t i = 0; i < l->areas.nr; i++) {
		const struct layout_area *a = VEC_AT(struct layout_area, &l->areas, i);
		struct layout_area *out;

		if (a->kind != LAYOUT_IMAGE || !a->from || l->epochs[a->from] != run->epoch)
			continue;
		out = vec_add(&g->protects, sizeof(*out));
		if (!out)
			return false;
		*out = *a;
	}
	return true;
}

static uint64_t heap_start(const struct image_run *run)
{
	for (size_t i = 0; i < run->layout->brk_starts.nr; i++) {
		const struct layout_brk *b = VEC_AT(struct layout_brk, &run->layout->brk_starts, i);

		if (b->epoch == run->epoch)
			return b->start;
	}
	return 0;
}

static const struct layout_area *relro_within(const struct guess *g, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < g->protects.nr; i++) {
		const struct layout_area *a = VEC_AT(struct layout_area, &g->protects, i);

		if (a->start >= start && a->end <= end)
			return a;
	}
	return NULL;
}

/* Where the interpreter was entered: 0, there is none. */
static uint64_t interp_entry(const struct guess *g)
{
	for (size_t i = 0; i < g->faults.nr; i++) {
		const struct image_fault *f = VEC_AT(struct image_fault, &g->faults, i);

		if (f->access == IMAGE_FETCH && !f->run)
			return f->addr >= g->floor ? f->addr : 0;
	}
	/* No faults: its RELRO is what is left besides the executable's. */
	for (size_t i = 0; i < g->protects.nr; i++)
		if (VEC_AT(struct layout_area, &g->protects, i)->start >= g->floor)
			return VEC_AT(struct layout_area, &g->protects, i)->start;
	return 0;
}

/* Fit the image whose faults lie in [from, to). */
static bool fit(
	const struct guess *g, uint64_t from, uint64_t to, uint64_t known_end, struct image *img)
{
	const struct layout_area *relro = relro_within(g, from, to);
	struct vec own = {0};
	uint64_t lowest = UINT64_MAX, highest = 0;

	for (size_t i = 0; i < g->faults.nr; i++) {
		const struct image_fault *f = VEC_AT(struct image_fault, &g->faults, i);
		struct image_fault *copy;

		if (f->addr < from || f->addr >= to)
			continue;
		copy = vec_add(&own, sizeof(*copy));
		if (!copy) {
			free(own.at);
			return false;
		}
		*copy = *f;
		lowest = f->addr < lowest ? f->addr : lowest;
		highest = f->addr > highest ? f->addr : highest;
	}
	if (relro) {
		lowest = relro->start < lowest ? relro->start : lowest;
		highest = relro->end - 1 > highest ? relro->end - 1 : highest;
	}
	bool ok = true;
	if (highest) {
		img->base = page_of(lowest);
		img->end = known_end ? known_end : page_of(highest) + PAGE;
		img->text = img->rodata = img->base;
		img->data = relro ? relro->start : img->end;
		img->bss = img->end;
		ok = image_fit(img, relro != NULL, own.at, own.nr);
	}
	free(own.at);
	return ok;
}

/* The vdso's header is the first thing that is read of it; vvar lies below. */
static void find_vdso(const struct guess *g, uint64_t entry, struct program_layout *out)
{
	for (size_t i = 0; i < g->faults.nr && !out->vdso; i++) {
		const struct image_fault *f = VEC_AT(struct image_fault, &g->faults, i);
		uint64_t offset = f->addr & (PAGE - 1);

		if (f->access == IMAGE_READ && f->addr >= g->floor &&
			(offset == 0x20 || offset == 0x1c) && f->file_pages <= 1 &&
			f->file_pages != 0 && f->addr < entry)
			out->vdso = page_of(f->addr);
	}
	out->vvar = out->vdso;
	for (size_t i = 0; i < g->faults.nr && out->vdso; i++) {
		const struct image_fault *f = VEC_AT(struct image_fault, &g->faults, i);

		if (f->addr < out->vvar && f->addr >= out->vdso - VVAR_MAX && f->file_pages <= 0)
			out->vvar = page_of(f->addr);
	}
}

static void find_stack(const struct guess *g, uint64_t above, struct program_layout *out)
{
	uint64_t highest = 0;

	for (size_t i = 0; i < g->faults.nr; i++) {
		const struct image_fault *f = VEC_AT(struct image_fault, &g->faults, i);

		if (f->addr >= above && f->addr > highest && !f->protection)
			highest = f->addr;
	}
	/* The page of the arguments, which execve wrote, is above the first one that faults. */
	if (highest)
		out->stack_top = page_of(highest) + 2 * PAGE;
}

static void find_floor(struct guess *g, const struct image_run *run, struct program_layout *out)
{
	out->brk = heap_start(run);
	g->floor = out->brk;
	if (g->floor)
		return;
	for (size_t i = 0; i < g->protects.nr; i++) {
		const struct layout_area *a = VEC_AT(struct layout_area, &g->protects, i);

		if (!g->floor || a->end < g->floor)
			g->floor = a->end;
	}
}

/* How high the executable's faults and its RELRO reach below the heap. */
static bool heap_follows(const struct guess *g)
{
	uint64_t highest = 0;

	for (size_t i = 0; i < g->faults.nr; i++) {
		const struct image_fault *f = VEC_AT(struct image_fault, &g->faults, i);

		if (f->addr < g->floor && f->addr > highest)
			highest = f->addr;
	}
	for (size_t i = 0; i < g->protects.nr; i++) {
		const struct layout_area *a = VEC_AT(struct layout_area, &g->protects, i);

		if (a->end <= g->floor && a->end > highest)
			highest = a->end;
	}
	/* Randomization moves it by up to 32 MiB, and never by so little but by chance. */
	return highest && g->floor - highest < 64 * PAGE;
}

bool program_guess(const struct image_run *runs, size_t nr, struct program_layout *out)
{
	struct guess g = {0};
	bool ok = take_protects(&g, &runs[0]);
	uint64_t entry, stack_from;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; ok && i < nr; i++)
		ok = take_run(&g, &runs[i], (uint32_t)i);
	if (ok) {
		find_floor(&g, &runs[0], out);
		entry = interp_entry(&g);
		stack_from = g.floor;
		ok = fit(&g, 0, g.floor, heap_follows(&g) ? page_of(g.floor + PAGE - 1) : 0,
			&out->exe);
		if (ok && entry) {
			stack_from = page_of(entry) + NEAR_BYTES;
			find_vdso(&g, entry, out);
			uint64_t from = entry > NEAR_BYTES + g.floor ? entry - NEAR_BYTES : g.floor;
			ok = fit(&g, out->vdso ? out->vdso + 2 * PAGE : from, stack_from, 0,
				&out->interp);
		}
		find_stack(&g, stack_from, out);
	}
	free(g.faults.at);
	free(g.protects.at);
	return ok;
}
