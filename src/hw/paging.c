/* SPDX-License-Identifier: MIT
 *
 * The paging modes' tables, made from paging.def, and the arrays that decode the bits of entries.
 *
 * The words are Linux's (_PAGE_*, PTE_*, L_PTE_*) where it has some. An array begins with the rules
 * (what an entry takes away and what it says); the walker stops at the first row that has neither.
 * The rest is for people.
 */
#include "hw/paging.h"

#include <assert.h>
#include <stddef.h>

/* clang-format off */
#define X86_COMMON \
	{0x2, 0x0, HW_PW | HW_UW, 0, NULL}, \
	{0x4, 0x0, HW_U_ALL, 0, NULL}, \
	{1ULL << 63, 1ULL << 63, HW_PX | HW_UX, 0, "NX"}
#define X86_WORDS \
	{0x1, 0x1, 0, 0, "PRESENT"}, {0x2, 0x2, 0, 0, "RW"}, {0x2, 0x0, 0, 0, "RO"}, {0x4, 0x4, 0, 0, "USER"}, \
	{0x4, 0x0, 0, 0, "KERNEL"}, {0x8, 0x8, 0, 0, "PWT"}, {0x20, 0x20, 0, 0, "ACCESSED"}

static const struct paging_bit x86_table[] = {X86_COMMON, X86_WORDS, {0x10, 0x10, 0, 0, "PCD"}, {0}};
static const struct paging_bit x86_pdpte[] = {
	{0x1, 0x1, 0, 0, "PRESENT"}, {0x8, 0x8, 0, 0, "PWT"}, {0x10, 0x10, 0, 0, "PCD"}, {0}};
#define X86_LEAF \
	X86_COMMON, {0x100, 0x100, 0, HW_GLOBAL, "GLOBAL"}, {0x20, 0x20, 0, HW_ACCESSED, NULL}, \
	{0x40, 0x40, 0, HW_DIRTY, "DIRTY"}, {0x10, 0x10, 0, HW_UNCACHED, "PCD"}, X86_WORDS
static const struct paging_bit x86_large[] = {X86_LEAF, {0x80, 0x80, 0, 0, "PSE"}, {0x1000, 0x1000, 0, 0, "PAT"}, {0}};
static const struct paging_bit x86_small[] = {X86_LEAF, {0x80, 0x80, 0, 0, "PAT"}, {0}};

/* The supervisor never executes a user page; whether it may read one is the regime's matter (SUM). */
static const struct paging_bit sv39_leaf[] = {
	{0x2, 0x0, HW_PR | HW_UR, 0, NULL},
	{0x4, 0x0, HW_PW | HW_UW, 0, NULL},
	{0x8, 0x0, HW_PX | HW_UX, 0, NULL},
	{0x10, 0x0, HW_U_ALL, 0, NULL},
	{0x10, 0x10, HW_PX, 0, "USER"},
	{0x20, 0x20, 0, HW_GLOBAL, "GLOBAL"},
	{0x40, 0x40, 0, HW_ACCESSED, "ACCESSED"},
	{0x80, 0x80, 0, HW_DIRTY, "DIRTY"},
	{0x1, 0x1, 0, 0, "PRESENT"}, {0x2, 0x2, 0, 0, "READ"}, {0x4, 0x4, 0, 0, "WRITE"}, {0x8, 0x8, 0, 0, "EXEC"},
	{0x10, 0x0, 0, 0, "KERNEL"}, {0}};
static const struct paging_bit sv39_table[] = {
	{0x20, 0x20, 0, HW_GLOBAL, "GLOBAL"}, {0x1, 0x1, 0, 0, "PRESENT"}, {0}};

/* AP[2] 0x80 read-only, AP[1] 0x40 user; execution has bits of its own, so a user page can be execute-only. */
static const struct paging_bit arm64_leaf[] = {
	{0x80, 0x80, HW_PW | HW_UW, 0, "RDONLY"},
	{0x40, 0x0, HW_UR | HW_UW, 0, NULL},
	{0xc0, 0x40, HW_PX, 0, NULL}, /* what the user can write the kernel cannot execute */
	{1ULL << 53, 1ULL << 53, HW_PX, 0, "PXN"},
	{1ULL << 54, 1ULL << 54, HW_UX, 0, "UXN"},
	{0x800, 0x0, 0, HW_GLOBAL, NULL},
	{0x400, 0x400, 0, HW_ACCESSED, "AF"},
	{0x1, 0x1, 0, 0, "VALID"}, {0x2, 0x0, 0, 0, "BLOCK"}, {0x40, 0x40, 0, 0, "USER"}, {0x40, 0x0, 0, 0, "KERNEL"},
	{0x800, 0x800, 0, 0, "NG"}, {0x300, 0x300, 0, 0, "SHARED"}, {1ULL << 52, 1ULL << 52, 0, 0, "CONT"},
	{1ULL << 51, 1ULL << 51, 0, 0, "DBM"}, {0}};
static const struct paging_bit arm64_table[] = {
	{1ULL << 62, 1ULL << 62, HW_PW | HW_UW, 0, "APTABLE_RDONLY"},
	{1ULL << 61, 1ULL << 61, HW_UR | HW_UW, 0, "APTABLE_KERNEL"},
	{1ULL << 60, 1ULL << 60, HW_UX, 0, "UXNTABLE"},
	{1ULL << 59, 1ULL << 59, HW_PX, 0, "PXNTABLE"},
	{0x1, 0x1, 0, 0, "VALID"}, {0x2, 0x2, 0, 0, "TABLE"}, {0}};

/* AP[2:0] with the bits at (apx, ap): 0 none, 1 kernel, 2 user reads, 3 all; 5 kernel reads, 6 and 7 all read. */
#define ARM_AP(apx, ap, v) ((v) & 4 ? (apx) : 0) | (uint64_t)((v) & 3) * (ap)
#define ARM_RULES(apx, ap, xn, ng) \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 0), HW_ALL, 0, "NOACCESS"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 1), HW_U_ALL, 0, "KERNEL"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 2), HW_UW, 0, "USER_RDONLY"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 4), HW_ALL, 0, "AP_RESERVED"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 5), HW_U_ALL | HW_PW, 0, "KERNEL RDONLY"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 6), HW_PW | HW_UW, 0, "USER RDONLY"}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 7), HW_PW | HW_UW, 0, "USER RDONLY"}, \
	{xn, xn, HW_PX | HW_UX, 0, "XN"}, {ng, 0, 0, HW_GLOBAL, NULL}, \
	{(apx) | 3 * (ap), ARM_AP(apx, ap, 3), 0, 0, "USER"}, {ng, ng, 0, 0, "NG"}, \
	{0x4, 0x4, 0, 0, "BUFFERABLE"}, {0x8, 0x8, 0, 0, "CACHEABLE"}
static const struct paging_bit arm_section[] = {
	ARM_RULES(0x8000, 0x400, 0x10, 0x20000), {0x40000, 0x40000, 0, 0, "SUPERSECTION"},
	{0x40000, 0, 0, 0, "SECTION"},
	{0x10000, 0x10000, 0, 0, "SHARED"}, {0}};
static const struct paging_bit arm_small[] = {
	ARM_RULES(0x200, 0x10, 0x1, 0x800), {0x2, 0x2, 0, 0, "SMALL"}, {0x400, 0x400, 0, 0, "SHARED"}, {0}};
static const struct paging_bit arm_large[] = {
	ARM_RULES(0x200, 0x10, 0x8000, 0x800), {0x3, 0x1, 0, 0, "LARGE"}, {0x400, 0x400, 0, 0, "SHARED"}, {0}};
static const struct paging_bit arm_table[] = {{0x4, 0x4, HW_PX, 0, "PXN"}, {0x3, 0x1, 0, 0, "TABLE"}, {0}};

#define ADDRESS(...) {__VA_ARGS__}

const struct paging_mode paging_modes[NR_PAGING_MODES] = {
#define MODE(id, mode_name, mode_doc, bits_of_va, sign, levels, who, nx) \
	[PAGING_##id].name = mode_name, [PAGING_##id].doc = mode_doc, [PAGING_##id].va_bits = bits_of_va, \
	[PAGING_##id].signed_va = sign, [PAGING_##id].nr_levels = levels, [PAGING_##id].ad = who, \
	[PAGING_##id].nx_bit = nx,
#define LEVEL(id, depth, linux_name, manual_name, index_shift, index_bits, bytes) \
	[PAGING_##id].level[depth].name = linux_name, [PAGING_##id].level[depth].manual = manual_name, \
	[PAGING_##id].level[depth].shift = index_shift, [PAGING_##id].level[depth].bits = index_bits, \
	[PAGING_##id].level[depth].entry_bytes = bytes,
#define TABLE(id, depth, n, form_mask, form_value, table, zero, a, names, dom) \
	[PAGING_##id].level[depth].form[n] = {false, 0, dom, 0, form_mask, form_value, \
		{{table, (PAGING_##id == PAGING_SV39) * 2}}, zero, a, 0, names},
#define LEAF(id, depth, n, form_mask, form_value, needs, page, pieces, zero, a, d, names, dom) \
	[PAGING_##id].level[depth].form[n] = {true, page, dom, needs, form_mask, form_value, pieces, zero, a, d, names},
#include "hw/paging.def"
};
/* clang-format on */

uint64_t paging_encode(const struct paging_form *form, uint64_t pa)
{
	uint64_t entry = 0;

	for (unsigned i = 0; i < PAGING_MAX_PIECES && form->address[i].mask; i++)
		entry |= pa >> form->address[i].shift & form->address[i].mask;
	assert(paging_address(form, entry) == pa);
	return entry;
}
