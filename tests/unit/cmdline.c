/* SPDX-License-Identifier: MIT
 *
 * Claims about the kernel command line: one row a line, what was understood and what was not.
 */
#include "mm/core/cmdline.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct cmdline parsed(const char *text, enum arch arch)
{
	static struct cmdline c;
	struct refusal why;

	cr_assert_eq(cmdline_parse(&c, text, arch, &why), 0, "%s: %s", text, why.sentence);
	return c;
}

Test(cmdline, sizes)
{
	cr_expect_eq(parsed("mem=512M", ARCH_X86_64).mem_bytes, 512u << 20);
	cr_expect_eq(parsed("mem=0x20000000", ARCH_X86_64).mem_bytes, 512u << 20);
	cr_expect_eq(parsed("quiet mem=1g ro", ARCH_ARM64).mem_bytes, 1u << 30);
	cr_expect_eq(parsed("vmalloc=256M", ARCH_ARM).vmalloc_bytes, 256u << 20);
	cr_expect_eq(parsed("highmem=64M", ARCH_I386).highmem_bytes, 64u << 20);
	cr_expect_eq(parsed("kernelcore=30%", ARCH_X86_64).kernelcore_percent, 30);
	cr_expect_eq(parsed("movablecore=1G", ARCH_X86_64).movablecore_bytes, 1u << 30);
	cr_expect_eq(parsed("numa=fake=4", ARCH_X86_64).numa_fake, 4);
	cr_expect_eq(parsed("numa=fake=512M", ARCH_X86_64).numa_fake_bytes, 512u << 20);
	cr_expect_eq(parsed("maxcpus=2", ARCH_X86_64).max_cpus, 2);
}

Test(cmdline, cma)
{
	struct cmdline c = parsed("cma=64M@1G-2G", ARCH_ARM64);

	cr_expect(c.cma_given && c.cma_bytes == 64u << 20 && c.cma_start == 1u << 30 &&
		  c.cma_end == 2ull << 30);
	c = parsed("cma=16M@0x10000000", ARCH_ARM64);
	cr_expect(c.cma_start == 0x10000000 && c.cma_end == 0x11000000);
	c = parsed("cma=0", ARCH_ARM64);
	cr_expect(c.cma_given && !c.cma_bytes);
}

Test(cmdline, memmap_has_five_forms)
{
	struct cmdline c = parsed(
		"memmap=1M@16M,2M#32M memmap=4K$0x9f000 memmap=1G!4G memmap=3G", ARCH_X86_64);
	static const struct cmdline_memmap want[] = {{16 << 20, 1 << 20, '@'},
		{32 << 20, 2 << 20, '#'}, {0x9f000, 4096, '$'}, {4ull << 30, 1 << 30, '!'},
		{0, 3ull << 30, 0}};

	cr_assert_eq(c.nr_memmap, 5);
	for (unsigned i = 0; i < 5; i++)
		cr_expect(c.memmap[i].start == want[i].start &&
				  c.memmap[i].bytes == want[i].bytes &&
				  c.memmap[i].kind == want[i].kind,
			"%u", i);
	c = parsed("memmap=exactmap memmap=640K@0", ARCH_I386);
	cr_expect(c.exactmap && c.nr_memmap == 1);
}

Test(cmdline, what_the_kernel_does_not_know_goes_to_user_space)
{
	struct cmdline c =
		parsed("console=ttyS0 orc=fs,bud  fragk=1 init_on_alloc=1 drm.debug=1 \"a b=c d\"",
			ARCH_X86_64);

	cr_expect_str_eq(c.unknown, " orc=fs,bud fragk=1 \"a b=c d\"");
	cr_expect_str_eq(c.malformed, "");
	/* Behind "--" all is init's. */
	cr_expect_str_eq(parsed("quiet -- verbose", ARCH_X86_64).unknown, "");
	/* A name of another architecture is unknown here. */
	cr_expect_str_eq(parsed("highmem=1M", ARCH_ARM64).unknown, " highmem=1M");
}

Test(cmdline, values_that_make_no_sense_are_named)
{
	static const char *const bad[] = {"mem=", "mem=x", "mem=12Q", "mem=1M2",
		"mem=99999999999999999999", "cma=", "cma=M", "cma=1M@", "cma=1M@0-x", "memmap=1M@",
		"memmap=1M%2M", "memmap=@1M", "vmalloc", "highmem=-1", "kernelcore=101%",
		"movablecore=%", "numa=fake=0", "numa=what", "maxcpus=x", "mem=0x8000000000000000E",
		NULL};

	for (const char *const *text = bad; *text; text++)
		cr_expect(*parsed(*text, ARCH_I386).malformed, "%s", *text);
}

Test(cmdline, mirrored_memory_is_refused)
{
	struct cmdline c;
	struct refusal why;

	cr_expect_eq(cmdline_parse(&c, "kernelcore=mirror", ARCH_X86_64, &why), -EINVAL);
	cr_expect(strstr(why.sentence, "percentage"), "%s", why.sentence);
}

Test(cmdline, long_lines)
{
	char text[4096];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	parsed(text, ARCH_X86_64);
	for (unsigned i = 0; i + 12 < sizeof(text); i += 12)
		memcpy(text + i, "memmap=1M@9M ", 13);
	cr_expect_leq(parsed(text, ARCH_X86_64).nr_memmap, CMDLINE_MAX_MEMMAP);
}
