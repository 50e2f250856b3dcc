/* SPDX-License-Identifier: MIT
 *
 * The CPUs: proc/cpuinfo and sys/devices/system/cpu.
 *
 * The simulated CPUs have an instruction set's name and no clock of their own; what stands here is constant, in the
 * fields and the alignment of each architecture's kernel (arch/<arch>/kernel/cpu*.c of Linux 6.1), so that tools
 * that count processors or look for flags (nx, pae, pse) find what the machine's MMU has.
 */
#include "view/files.h"
#include "view/put.h"

#define CPU_MHZ	  "2500.000"
#define CR4_LA57  (1u << 12)
#define CR4_PCIDE (1u << 17)
#define CR4_SMEP  (1u << 20)
#define CR4_SMAP  (1u << 21)

static bool cpu_any(const struct machine *m, unsigned cpu, const void *data)
{
	return true;
}

static bool cpu_is(const struct machine *m, unsigned cpu, const void *which)
{
	return cpu == *(const uint64_t *)which;
}

/* ---- proc/cpuinfo ---- */

/* As sys/devices/system/cpu has it: every node is a package, and a core has one thread. */
static void put_x86_package(const struct machine *m, struct text *out, unsigned cpu)
{
	unsigned cores = 0;

	for (unsigned i = 0; i < m->nr_cpus; i++)
		cores += m->cpu_node[i] == m->cpu_node[cpu];
	text_printf(out, "physical id\t: %u\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n",
		m->cpu_node[cpu], cores, cpu, cores);
	text_printf(out, "apicid\t\t: %u\ninitial apicid\t: %u\n", cpu, cpu);
}

/* Those that concern memory are what the MMU can do, and what the kernel switched on. */
static void put_x86_flags(const struct machine *m, struct text *out)
{
	bool wide = m->arch == ARCH_X86_64;

	text_printf(out,
		"flags\t\t: fpu de pse tsc msr pae mce cx8 apic sep%s pge%s cmov %smmx fxsr sse ",
		wide ? " mtrr" : "", wide ? " mca" : "", wide ? "pat pse36 clflush " : "");
	text_printf(out, "sse2 %s%s", m->nr_cpus > 1 ? "ht " : "", wide ? "syscall " : "");
	if (wide || machine_has(m, CONFIG_X86_PAE))
		text_puts(out, "nx ");
	if (m->cpus.desc.abilities & HW_HAS_1G)
		text_puts(out, "pdpe1gb ");
	text_printf(out, "%scpuid pni", wide ? "lm nopl " : "");
	if (m->cpus.reg[HW_CR4] & CR4_PCIDE)
		text_puts(out, " pcid");
	if (m->kernel_map.pti)
		text_puts(out, " pti");
	if (m->cpus.reg[HW_CR4] & CR4_SMEP)
		text_puts(out, " smep");
	if (m->cpus.reg[HW_CR4] & CR4_SMAP)
		text_puts(out, " smap");
	if (m->cpus.reg[HW_CR4] & CR4_LA57)
		text_puts(out, " la57");
	text_putc(out, '\n');
}

static void put_x86(const struct machine *m, struct text *out, unsigned cpu)
{
	bool wide = m->arch == ARCH_X86_64;

	text_printf(out, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %d\nmodel\t\t: %d\n", cpu,
		wide ? "AuthenticAMD" : "GenuineIntel", wide ? 15 : 6, wide ? 107 : 6);
	text_printf(out, "model name\t: simmfs %s\nstepping\t: %d\nmicrocode\t: 0x1\n",
		wide ? "x86-64" : "i686", wide ? 1 : 3);
	text_printf(out, "cpu MHz\t\t: " CPU_MHZ "\ncache size\t: %s KB\n", wide ? "512" : "16384");
	if (machine_has(m, CONFIG_SMP))
		put_x86_package(m, out, cpu);
	if (!wide)
		text_puts(out, "fdiv_bug\t: no\nf00f_bug\t: no\ncoma_bug\t: no\n");
	text_printf(out, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %d\nwp\t\t: yes\n",
		wide ? 13 : 4);
	put_x86_flags(m, out);
	text_printf(
		out, "bugs\t\t:%s\nbogomips\t: 5000.00\n", m->cpus.meltdown ? " cpu_meltdown" : "");
	if (wide)
		text_puts(out, "TLB size\t: 1024 4K pages\n");
	text_printf(
		out, "clflush size\t: %d\ncache_alignment\t: %d\n", wide ? 64 : 32, wide ? 64 : 32);
	text_printf(out,
		"address sizes\t: %d bits physical, %d bits virtual\npower management:\n\n",
		m->cpus.desc.pa_bits, paging_modes[m->kernel_map.mode].va_bits);
}

static void put_arm(const struct machine *m, struct text *out, unsigned cpu)
{
	bool wide = m->arch == ARCH_ARM64;

	text_printf(out, "processor\t: %u\n", cpu);
	if (!wide)
		text_puts(out, "model name\t: ARMv7 Processor rev 0 (v7l)\n");
	text_printf(out, "BogoMIPS\t: 125.00\nFeatures\t: %s\n",
		wide ? "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
		     : "half thumb fastmult vfp edsp thumbee neon vfpv3 tls vfpv4 idiva idivt "
		       "vfpd32 lpae evtstrm ");
	text_printf(out, "CPU implementer\t: 0x41\nCPU architecture: %d\nCPU variant\t: 0x%d\n",
		wide ? 8 : 7, wide ? 1 : 4);
	text_printf(out, "CPU part\t: 0x%s\nCPU revision\t: 0\n\n", wide ? "d07" : "c0f");
}

/* STM32F4: a Cortex-M4. */
static void put_cortex_m(struct text *out, unsigned cpu)
{
	text_printf(out,
		"processor\t: %u\nmodel name\t: ARMv7-M rev 1 (v7ml)\nBogoMIPS\t: 180.00\n"
		"Features\t: half thumb fastmult edsp \nCPU implementer\t: 0x41\n"
		"CPU architecture: 7M\nCPU variant\t: 0x0\nCPU part\t: 0xc24\n"
		"CPU revision\t: 1\n\n",
		cpu);
}

static void put_riscv(const struct machine *m, struct text *out, unsigned cpu)
{
	text_printf(out,
		"processor\t: %u\nhart\t\t: %u\nisa\t\t: rv64imafdc%s%s\nmmu\t\t: sv39\n\n", cpu,
		cpu, m->cpus.desc.abilities & HW_HAS_PBMT ? "_svpbmt" : "",
		m->cpus.zicbom ? "_zicbom" : "");
}

int show_cpuinfo(struct view *v, struct text *out)
{
	const struct machine *m = v->m;

	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		switch (m->arch) {
		case ARCH_I386:
		case ARCH_X86_64:
			put_x86(m, out, cpu);
			break;
		case ARCH_ARM:
		case ARCH_ARM64:
			if (machine_has(m, CONFIG_MMU))
				put_arm(m, out, cpu);
			else
				put_cortex_m(out, cpu);
			break;
		case ARCH_RISCV64:
		case NR_ARCHS:
			put_riscv(m, out, cpu);
			break;
		}
	}
	if (m->arch == ARCH_ARM)
		text_printf(out, "Hardware\t: %s\nRevision\t: 0000\nSerial\t\t: 0000000000000000\n",
			machine_has(m, CONFIG_MMU) ? "Generic DT based system"
						   : "STM32 (Device Tree Support)");
	return 0;
}

/* ---- sys/devices/system/cpu ---- */

int show_cpus_online(struct view *v, struct text *out)
{
	put_list(out, v->m, v->m->nr_cpus, cpu_any, NULL);
	text_putc(out, '\n');
	return 0;
}

/* offline, isolated: none. */
int show_cpus_none(struct view *v, struct text *out)
{
	text_putc(out, '\n');
	return 0;
}

/* NR_CPUS - 1 of Debian's kernels. */
int show_cpus_kernel_max(struct view *v, struct text *out)
{
	static const unsigned nr_cpus[NR_ARCHS] = {[ARCH_I386] = 32,
		[ARCH_X86_64] = 8192,
		[ARCH_ARM] = 8,
		[ARCH_ARM64] = 256,
		[ARCH_RISCV64] = 64};

	text_dec(out, machine_has(v->m, CONFIG_SMP) ? nr_cpus[v->m->arch] - 1 : 0, 0);
	text_putc(out, '\n');
	return 0;
}

int show_cpu_core_id(struct view *v, struct text *out)
{
	text_dec(out, v->arg[0], 0);
	text_putc(out, '\n');
	return 0;
}

/* Every node is a package. */
int show_cpu_package_id(struct view *v, struct text *out)
{
	text_dec(out, v->m->cpu_node[v->arg[0]], 0);
	text_putc(out, '\n');
	return 0;
}

static bool cpu_of_package(const struct machine *m, unsigned cpu, const void *which)
{
	return m->cpu_node[cpu] == m->cpu_node[*(const uint64_t *)which];
}

int show_cpu_siblings(struct view *v, struct text *out)
{
	put_mask(out, v->m, v->m->nr_cpus, cpu_is, &v->arg[0]);
	text_putc(out, '\n');
	return 0;
}

int show_cpu_siblings_list(struct view *v, struct text *out)
{
	put_list(out, v->m, v->m->nr_cpus, cpu_is, &v->arg[0]);
	text_putc(out, '\n');
	return 0;
}

int show_cpu_cores(struct view *v, struct text *out)
{
	put_mask(out, v->m, v->m->nr_cpus, cpu_of_package, &v->arg[0]);
	text_putc(out, '\n');
	return 0;
}

int show_cpu_cores_list(struct view *v, struct text *out)
{
	put_list(out, v->m, v->m->nr_cpus, cpu_of_package, &v->arg[0]);
	text_putc(out, '\n');
	return 0;
}
