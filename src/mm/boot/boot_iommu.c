/* SPDX-License-Identifier: MIT
 *
 * How devices behind an IOMMU are to be translated: the configuration's way, or what the command line says.
 *
 *	domains      Translated, or Passthrough by iommu.passthrough=1 or iommu=pt
 *	flushes      lazy on x86, strict elsewhere, as Debian's kernels are configured; iommu.strict= decides, and
 *	             intel_iommu=strict overrides that
 *	no IOMMU     iommu=off, intel_iommu=off
 *
 * A kernel with the IOMMU subsystem says so whether or not it finds an IOMMU. RISC-V's, and those without MMU, have none.
 *
 * Left out: the other words of these parameters (forcedac, soft, merge, sm_on and so on), which change nothing here.
 * Follows drivers/iommu/iommu.c (iommu_subsys_init()), drivers/iommu/intel/iommu.c (intel_iommu_setup()),
 * arch/x86/kernel/pci-dma.c (iommu_setup()) of 6.1.
 */
#include "mm/boot/boot.h"

#include <string.h>

static bool has_subsystem(const struct machine *m)
{
	return m->arch != ARCH_RISCV64 && machine_has(m, CONFIG_MMU);
}

static void say_intel_word(struct boot *b, const char *word, size_t len)
{
	static const char *const known[] = {
		"igfx_off", "forcedac", "sp_off", "sm_on", "sm_off", "tboot_noforce", NULL};

	if (!strncmp(word, "on", 2)) {
		log_printf(b->m, "DMAR: IOMMU enabled");
	} else if (!strncmp(word, "off", 3)) {
		log_printf(b->m, "DMAR: IOMMU disabled");
	} else if (!strncmp(word, "strict", 6)) {
		log_printf(b->m, "DMAR: intel_iommu=strict deprecated; use iommu.strict=1 instead");
	} else {
		for (const char *const *k = known; *k; k++)
			if (!strncmp(word, *k, strlen(*k)))
				return;
		log_printf(b->m, "DMAR: Unknown option - '%.*s'", (int)len, word);
	}
}

void boot_say_intel_iommu(struct boot *b)
{
	for (const char *word = b->c.intel_iommu; *word;) {
		size_t len = strcspn(word, ",");

		say_intel_word(b, word, len);
		word += len + (word[len] == ',');
	}
}

void boot_iommu(struct boot *b)
{
	const struct cmdline *c = &b->c;
	struct iommus *s = &b->m->devices.iommus;
	static const char given[] = "(set via kernel command line)";

	s->off = c->iommu_off;
	s->passthrough = c->iommu_passthrough;
	s->strict = c->iommu_set_strict	    ? true
		    : c->iommu_strict_given ? c->iommu_strict
					    : !arch_is_x86(b->m->arch);
	if (!has_subsystem(b->m))
		return;
	log_printf(b->m, "iommu: Default domain type: %s %s",
		s->passthrough ? "Passthrough" : "Translated", c->iommu_type_given ? given : "");
	if (!s->passthrough)
		log_printf(b->m, "iommu: DMA domain TLB invalidation policy: %s mode %s",
			s->strict ? "strict" : "lazy", c->iommu_strict_given ? given : "");
}
