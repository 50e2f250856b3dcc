/* SPDX-License-Identifier: MIT
 *
 * What the IOMMU's driver says of a fault, in its words.
 *
 *	VT-d       DMAR: DRHD: handling fault status reg 2
 *	           DMAR: [DMA Write NO_PASID] Request device [00:03.0] fault addr 0x1000 [fault reason 0x05] PTE Write ...
 *	SMMU v1-2  arm-smmu NAME: Unhandled context fault: fsr=0x402, iova=0x00001000, fsynr=0x30013, cbfrsynra=0x3, cb=3
 *	SMMU v3    arm-smmu-v3 NAME: event 0x10 received: and the event's four words
 *
 * At most ten in five seconds, as the kernel's rate limit has it; then the count of those that were not said.
 *
 * Formats of drivers/iommu/intel/dmar.c, arm/arm-smmu/arm-smmu.c, arm/arm-smmu-v3/arm-smmu-v3.c of 6.1.
 */
#include "mm/dma/iommu.h"

#include <string.h>

typedef unsigned long long ull;

enum { RATELIMIT_BURST = 10 };
#define RATELIMIT_NS 5000000000u

/* __ratelimit() */
static bool may_say(struct machine *m)
{
	struct iommus *s = &m->devices.iommus;

	if (!s->said || m->clock.now_ns - s->said_since_ns >= RATELIMIT_NS) {
		if (s->missed)
			log_printf(m, "%s: %u callbacks suppressed",
				iommu_format(m) == IOMMU_VTD ? "dmar_fault"
							     : "arm_smmu_context_fault",
				s->missed);
		s->said_since_ns = m->clock.now_ns;
		s->said = s->missed = 0;
	}
	if (s->said == RATELIMIT_BURST) {
		s->missed++;
		return false;
	}
	s->said++;
	return true;
}

static void say_dmar(struct machine *m, const struct iommu_fault *f)
{
	static const struct {
		uint8_t code[2]; /* of a read, of a write */
		const char *words[2];
	} reason[] = {
		[IOMMU_FAULT_ROOT] = {{1, 1}, {"Present bit in root entry is clear",
						      "Present bit in root entry is clear"}},
		[IOMMU_FAULT_CONTEXT] = {{2, 2}, {"Present bit in context entry is clear",
							 "Present bit in context entry is clear"}},
		[IOMMU_FAULT_RANGE] = {{4, 4}, {"Access beyond MGAW", "Access beyond MGAW"}},
		[IOMMU_FAULT_NOT_MAPPED] = {{6, 5},
			{"PTE Read access is not set", "PTE Write access is not set"}},
		[IOMMU_FAULT_RIGHTS] = {{6, 5},
			{"PTE Read access is not set", "PTE Write access is not set"}},
		[IOMMU_FAULT_TABLE] = {{7, 7},
			{"Next page table ptr is invalid", "Next page table ptr is invalid"}},
	};

	log_printf(m, "DMAR: DRHD: handling fault status reg 2");
	log_printf(m,
		"DMAR: [%s NO_PASID] Request device [%02x:%02x.%u] fault addr 0x%llx [fault reason "
		"0x%02x] %s",
		f->write ? "DMA Write" : "DMA Read", f->stream >> 8 & 0xff, f->stream >> 3 & 0x1f,
		f->stream & 7, (ull)f->iova & ~(ull)(PAGE_BYTES - 1),
		reason[f->kind].code[f->write], reason[f->kind].words[f->write]);
}

/* The board's SMMU, or the name of the one that every machine can have. */
static const struct device *smmu(const struct machine *m)
{
	for (const struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1))
		if (iommu_is_smmu(d->compatible))
			return d;
	return NULL;
}

/* An event record: F_TRANSLATION 0x10, F_PERMISSION 0x13, C_BAD_STREAMID 2. */
static void say_smmu_v3(struct machine *m, const char *name, const struct iommu_fault *f)
{
	uint64_t id = f->kind == IOMMU_FAULT_RIGHTS    ? 0x13
		      : f->kind == IOMMU_FAULT_CONTEXT ? 2
						       : 0x10;
	const uint64_t word[4] = {id | (uint64_t)f->stream << 32,
		id == 2 ? 0 : (f->write ? 0 : (uint64_t)1 << 35) | (uint64_t)2 << 40,
		id == 2 ? 0 : f->iova, 0};

	log_printf(m, "arm-smmu-v3 %s: event 0x%02x received:", name, (unsigned)id);
	for (unsigned i = 0; i < 4; i++)
		log_printf(m, "arm-smmu-v3 %s: \t0x%016llx", name, (ull)word[i]);
}

static void say_smmu(struct machine *m, const struct device *d, const struct iommu_fault *f)
{
	const struct iommu_domain *x = iommu_domain_of(m, d);
	const struct device *unit = smmu(m);
	const char *name = unit ? unit->name : "iommu";
	unsigned bank = x ? x->id - 1 : 0;

	if (unit && strstr(unit->compatible, "smmu-v3")) {
		say_smmu_v3(m, name, f);
	} else if (f->kind == IOMMU_FAULT_CONTEXT) {
		log_printf(m,
			"arm-smmu %s: Blocked unknown Stream ID 0x%x; boot with "
			"\"arm-smmu.disable_bypass=0\" to allow, but this may have security "
			"implications",
			name, f->stream);
		log_printf(m,
			"arm-smmu %s: \tGFSR 0x%08x, GFSYNR0 0x%08x, GFSYNR1 0x%08x, GFSYNR2 "
			"0x%08x",
			name, 2, f->write ? 2 : 0, f->stream, 0);
	} else {
		/* FSR: translation or permission fault, AArch64 format. FSYNR0: level, WNR, the bank. */
		log_printf(m,
			"arm-smmu %s: Unhandled context fault: fsr=0x%x, iova=0x%08llx, "
			"fsynr=0x%x, "
			"cbfrsynra=0x%x, cb=%u",
			name, 0x400 | (f->kind == IOMMU_FAULT_RIGHTS ? 8 : 2), (ull)f->iova,
			bank << 16 | (f->write ? 0x10u : 0) | f->level, f->stream, bank);
	}
}

void iommu_report(struct machine *m, const struct device *d, const struct iommu_fault *fault)
{
	if (!may_say(m))
		return;
	if (iommu_format(m) == IOMMU_VTD)
		say_dmar(m, fault);
	else
		say_smmu(m, d, fault);
}
