/* SPDX-License-Identifier: MIT
 *
 * A CPU as memory management sees it: registers, TLBs, a data cache, and one act, the access.
 *
 *      va ---> [ first TLB: instructions | data ] --miss--> [ second TLB ] --miss--> [ page-walk cache ]
 *                            |                                    |            walk_tables_from() over DRAM
 *                            |                                    |                        |
 *                            +----------------+-------------------+------------------------+
 *                                             v
 *                      hw_check(): may this access be made?  no --> fault record, -EFAULT
 *                                             | yes
 *                                             v
 *                              [ data cache: cycles ] ---> DRAM: the bytes (a miss costs by the memory's distance)
 *
 * The registers are the architecture's own; what they come to (mode, table, switches) is the regime, computed when a
 * register is written. With cycle accounting off the cache is left alone and an access costs nothing but its result.
 *
 * A Cortex-M has no translation; there the MPU's regions are asked instead, and the registers of the system, the
 * MPU's among them, are memory of their own (scs.c).
 *
 * A CPU is bytes: the structure, and behind it the entries of its TLBs and cache, at distances. So it can lie
 * anywhere in the arena and be copied. It knows nothing of the kernel: a fault is a record that the caller handles
 * before it makes the access again.
 */
#ifndef SIMM_HW_CPU_H
#define SIMM_HW_CPU_H

#include "hw/cache.h"
#include "hw/fault.h"
#include "hw/mpu.h"
#include "hw/tlb.h"
#include "hw/walk_cache.h"

enum hw_reg {
#define HW_REG(id, word, family, doc) HW_##id,
#include "hw/register.def"
	NR_HW_REGS
};

enum hw_cycles {
#define HW_CYCLES(name, cycles, doc) HW_CYCLES_##name = (cycles),
#include "hw/cycles.def"
};

/* What a CPU is made of. */
struct hw_cpu_desc {
	uint32_t family;	/* enum hw_family */
	uint32_t abilities;	/* enum hw_has bits that its registers can switch on */
	bool la57;		/* x86-64: five levels can be switched on */
	uint8_t pa_bits;
	uint8_t mpu_regions;	/* ARMv7-M; 0: no MPU */
	uint8_t asid_bits;	/* of address spaces' numbers (x86: PCIDs); 0: TLB entries carry none */
	struct tlb_desc itlb, dtlb, stlb;
	struct walk_cache_desc walk_cache;
	struct cache_desc dcache;
};

struct hw_counters {
	uint64_t accesses[3];	/* by enum hw_kind: loads, stores, fetches */
	uint64_t walks, walk_steps;
	uint64_t flags_set;	/* entries into which the walker wrote accessed or dirty */
	uint64_t faults;
	uint64_t flushes;	/* of whole TLBs or address spaces */
	uint64_t cycles;
};

/* The page that both TLBs had no entry for when they were asked last. While neither has changed, they have none still: the
 * same access once more, after its fault was handled, need not look. */
struct hw_missed {
	uint64_t page;		/* (va >> DRAM_FRAME_SHIFT) + 1; 0: none */
	uint64_t changes;	/* of both TLBs together, then: each one's only grow */
	uint16_t asid;
	bool fetch;		/* the first one is that of instructions */
};

struct hw_cpu {
	struct hw_cpu_desc desc;
	struct hw_regime regime;
	uint64_t reg[NR_HW_REGS];
	bool count_cycles;
	uint8_t node;			/* whose memory is near: for struct dram's distance() */
	struct hw_counters counters;
	struct tlb itlb, dtlb, stlb;	/* stlb: unified, second level */
	struct hw_missed missed;
	struct walk_memory walk_memory;
	struct walk_cache walk_cache;
	struct cache dcache;
	struct mpu mpu;
};

/* A sensible CPU of the family: for machines that say nothing about theirs. */
struct hw_cpu_desc hw_cpu_default(enum hw_family family);
/* Bytes of a CPU, entries included. */
uint64_t hw_cpu_bytes(const struct hw_cpu_desc *desc);
/* At reset: no translation, TLBs empty, cycles counted. @cpu has hw_cpu_bytes() zeroed bytes. */
void hw_cpu_init(struct hw_cpu *cpu, const struct hw_cpu_desc *desc);

/* Registers. A family has only its own. */
bool hw_reg_exists(enum hw_family family, enum hw_reg reg);
const char *hw_reg_name(enum hw_reg reg);
const char *hw_reg_doc(enum hw_reg reg);
/* The name of a register's switch at @bit, NULL: it is none that matters here. */
const char *hw_reg_bit(enum hw_reg reg, unsigned bit);
/* Write one, with what follows: another regime, TLB entries forgotten where the architecture says so (x86).
 * Errors: EINVAL with a sentence (a register of another family, a switch that the CPU has not): nothing changes. */
int hw_reg_write(struct hw_cpu *cpu, enum hw_reg reg, uint64_t value, struct refusal *why);
/* What these registers come to. Errors: EINVAL. */
int hw_regime_of(const struct hw_cpu_desc *desc, const uint64_t *reg, struct hw_regime *r, struct refusal *why);

enum hw_tlb_result { HW_TLB_OFF, HW_TLB_HIT, HW_TLB_HIT2, HW_TLB_MISS };

struct hw_access {
	/* asked */
	uint64_t va;
	uint64_t value;		/* stored; answered by load and fetch */
	uint8_t bytes;		/* 1-8, at any alignment */
	uint8_t kind;		/* enum hw_kind */
	bool user;
	bool no_data;		/* translate, check, mark and charge as ever, but move no bytes: @value stays */
	/* answered */
	uint8_t tlb;		/* enum hw_tlb_result, of the first page */
	uint32_t cycles;	/* 0 with accounting off */
	uint64_t pa;		/* of the first byte */
	uint8_t region;		/* of the first byte: the MPU's region, or MPU_REGION_*; with an MPU only */
	struct hw_fault_record fault;	/* asked, too: who tries again leaves it, others begin with HW_FAULT_NONE */
	unsigned vector;	/* of a fault: hw_fault_exception() */
	uint64_t code;		/* as well */
};

/* Make it. 0; -EFAULT: nothing was stored, a->fault says why, and the CPU's fault registers are set; -EDQUOT: the
 * host's budget ended (@why). */
int hw_access(struct hw_cpu *cpu, const struct dram *d, struct hw_access *a, struct refusal *why);

/* ARMv7-M: the access to the private peripheral bus, which has translated and may be made. 0 or -EFAULT. */
int hw_scs_access(struct hw_cpu *cpu, struct hw_access *a);
/* End the access with a fault: the record, the code, the fault registers. @flags has ARM's domain. Returns -EFAULT. */
int hw_fault_raise(struct hw_cpu *cpu, struct hw_access *a, enum hw_fault why, uint64_t va, unsigned depth, uint32_t flags);

/* invlpg, sfence.vma VA, tlbi vae1: forget one page in the present address space, and global entries for it; of the
 * page-walk cache what leads there (on x86 all of the address space). */
void hw_invlpg(struct hw_cpu *cpu, uint64_t va);
/* The same for each page of [start, end), whole pages, in one address space (invlpg, invpcid, tlbi vae1is, sfence.vma): it
 * costs as many steps as there are pages. */
void hw_flush_range(struct hw_cpu *cpu, uint16_t asid, uint64_t start, uint64_t end);
/* Forget everything, or all that is not global. */
void hw_flush_tlb(struct hw_cpu *cpu, bool keep_global);
/* Forget one address space. */
void hw_flush_asid(struct hw_cpu *cpu, uint16_t asid);

/* Every entry of each TLB agrees with its structure; for the machine's check. NULL, or what is wrong. */
const char *hw_cpu_check(const struct hw_cpu *cpu);

#endif
