/* SPDX-License-Identifier: MIT
 *
 * A fuzz target is one function, libFuzzer's: it takes any bytes and must return. See driver.c for how to run one.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
